"""Whether a choice still stands: each rule, and what is only in doubt."""

from dataclasses import replace

import pytest

from heapswap.report.comparison.choice import Answer, Standing, chosen, still_right
from heapswap.trials.model import Outcome, Trial
from heapswap.verdict.model import Comparison, Decision, Effect, GuardCheck, GuardState, NotTried, Verdict
from tests.report.artifacts import saved


def trial() -> Trial:
    found = saved("trial")
    assert isinstance(found, Trial)
    return replace(
        found, runs=tuple(replace(run, outcome=Outcome.COMPLETED, exit_status=0, signal=None) for run in found.runs)
    )


def effect(candidate: str, value: float, reach: float = 0.01, metric: str = "cpu") -> Effect:
    return Effect(
        candidate=candidate,
        metric=metric,
        effect=value,
        low=value - reach,
        high=value + reach,
        verdict=Comparison.UNKNOWN,
        runs=10,
        baseline=1.0,
        unit="s",
    )


def verdict(*effects: Effect, adopted: str | None = "mimalloc", primary: str = "cpu") -> Verdict:
    return Verdict(
        outcome=Decision.ADOPT if adopted else Decision.KEEP,
        candidate=adopted,
        baseline="current",
        objective="cpu",
        primary=primary,
        rule="r",
        reason="r",
        comparisons=effects,
    )


OLD = verdict(effect("mimalloc", -0.30))


def asked(new: Verdict, old: Verdict = OLD, allowed: float = 0.05) -> Answer:
    answer = still_right(old, new, trial(), allowed)
    assert "\n" not in answer.why
    assert answer.why.endswith(".")
    return answer


def test_the_same_gain_is_still_right() -> None:
    answer = asked(verdict(effect("mimalloc", -0.29)))
    assert (answer.choice, answer.standing) == ("mimalloc", Standing.RIGHT)


@pytest.mark.parametrize(
    ("new", "standing"),
    [
        (effect("mimalloc", -0.10), Standing.WORSE),
        (effect("mimalloc", 0.20), Standing.WORSE),
        (effect("mimalloc", -0.25, reach=0.2), Standing.OPEN),
        (replace(effect("mimalloc", -0.10), low=None, high=None), Standing.OPEN),
        (effect("mimalloc", -0.60), Standing.RIGHT),
    ],
)
def test_a_gain_that_shrank(new: Effect, standing: Standing) -> None:
    assert asked(verdict(new)).standing is standing
    assert asked(verdict(new), allowed=5.0).standing is Standing.RIGHT


def test_another_one_that_is_better_beyond_doubt_overtakes() -> None:
    better = effect("system:arena_max=2", -0.60)
    assert asked(verdict(effect("mimalloc", -0.30), better)).standing is Standing.OVERTAKEN
    broken = GuardCheck(
        candidate="system:arena_max=2", metric="peak", limit=0.1, effect=0.9, low=0.8, high=1.0, state=GuardState.BROKEN
    )
    assert asked(replace(verdict(effect("mimalloc", -0.30), better), guards=(broken,))).standing is Standing.RIGHT


def test_what_was_kept_is_overtaken_by_a_gain_beyond_doubt() -> None:
    kept = verdict(adopted=None)
    assert chosen(kept) == "current"
    assert asked(verdict(effect("mimalloc", -0.02)), kept).standing is Standing.RIGHT
    assert asked(verdict(effect("mimalloc", -0.30)), kept).standing is Standing.OVERTAKEN
    assert asked(verdict(effect("mimalloc", -0.30, reach=0.5)), kept).standing is Standing.OPEN


def test_a_choice_that_breaks_a_guard_or_cannot_be_tried() -> None:
    broken = GuardCheck(
        candidate="mimalloc", metric="peak", limit=0.1, effect=0.9, low=0.8, high=1.0, state=GuardState.BROKEN
    )
    assert asked(replace(OLD, guards=(broken,))).standing is Standing.GUARD
    elsewhere = replace(OLD, candidate="tcmalloc", not_tried=(NotTried(candidate="tcmalloc", reason="not installed"),))
    answer = asked(elsewhere, elsewhere)
    assert answer.standing is Standing.GONE
    assert "not installed" in answer.why


def test_a_choice_that_crashes_is_unsafe() -> None:
    crashing = replace(
        trial(),
        runs=tuple(
            replace(run, outcome=Outcome.CRASHED, signal=11, exit_status=None, measurements=())
            if run.slot.candidate == "mimalloc"
            else run
            for run in trial().runs
        ),
    )
    assert still_right(OLD, OLD, crashing, 0.05).standing is Standing.UNSAFE


def test_one_that_crashes_overtakes_nobody() -> None:
    rival = "system:arena_max=2"
    fast = verdict(effect("mimalloc", -0.30), effect(rival, -0.60))
    crashed = tuple(
        replace(run, outcome=Outcome.CRASHED, signal=11, exit_status=None, measurements=())
        for run in trial().runs
        if run.slot.candidate == rival
    )
    # Once proves nothing, twice does.
    others = tuple(run for run in trial().runs if run.slot.candidate != rival)
    assert still_right(OLD, fast, replace(trial(), runs=(*others, *crashed)), 0.05).standing is Standing.OVERTAKEN
    twice = replace(trial(), runs=(*others, *crashed, *crashed))
    assert still_right(OLD, fast, twice, 0.05).standing is Standing.RIGHT


def test_of_what_is_better_when_there_is_more_less_is_worse() -> None:
    then = verdict(effect("mimalloc", 0.30, metric="rate"), primary="rate")
    for now, standing in ((0.30, Standing.RIGHT), (0.60, Standing.RIGHT), (0.0, Standing.WORSE)):
        assert asked(verdict(effect("mimalloc", now, metric="rate"), primary="rate"), then).standing is standing


def test_only_what_stopped_being_right_is_wrong() -> None:
    assert {one for one in Standing if not one.is_wrong} == {Standing.RIGHT, Standing.OPEN}
