"""Trials of services whose scaling is known."""

from dataclasses import replace

import pytest

from heapswap.scaling.model import Limit, Ramp, StepEffect
from heapswap.scaling.ramps import ramps
from heapswap.trials.model import Outcome, Slot, Stage, Trial
from tests.scaling.services import of, step, trial
from tests.trials.synthetic import design
from tests.trials.synthetic import run as plain


def better_when_crowded(candidate: str, level: int) -> float:
    """The baseline stops at two clients; the candidate goes on to four."""
    return 1000.0 * min(level, 4 if candidate == "jemalloc" else 2)


def by_name(seen: Trial) -> dict[str, Ramp]:
    return {one.candidate: one for one in ramps(seen)}


def effect(ramp: Ramp, level: int, metric: str = "throughput") -> StepEffect:
    return next(one for one in ramp.effects if (one.level, one.metric) == (level, metric))


def test_the_effect_of_every_step_has_an_interval_around_the_truth() -> None:
    ramp = by_name(trial(better_when_crowded))["jemalloc"]
    for level, truth in ((1, 0.0), (2, 0.0), (4, 1.0), (8, 1.0)):
        found = effect(ramp, level)
        assert found.low is not None
        assert found.high is not None
        assert found.low < truth < found.high
        assert found.high - found.low < 0.3
    assert effect(ramp, 8, "latency_p99").effect == pytest.approx(-0.5, abs=0.05)


def test_the_baseline_comes_first_and_has_no_effects() -> None:
    found = ramps(trial(better_when_crowded))
    assert [one.candidate for one in found] == ["current", "jemalloc"]
    assert found[0].effects == ()


def test_each_candidate_saturates_where_it_does() -> None:
    seen = by_name(trial(better_when_crowded, noise=0.0))
    assert seen["current"].saturation.level == 2
    assert seen["jemalloc"].saturation.level == 4
    assert seen["jemalloc"].saturation.limit is Limit.PROGRAM


def test_the_law_is_fitted_where_four_steps_have_a_core_for_each_client() -> None:
    def contended(_: str, level: int) -> float:
        return 1000.0 * level / (1 + 0.2 * (level - 1))

    law = by_name(trial(contended))["current"].law
    assert law is not None
    assert law.contention.low is not None
    assert law.contention.high is not None
    assert law.contention.low < 0.2 < law.contention.high
    assert by_name(trial(contended, cores=4))["current"].law is None


def test_the_speedup_of_the_second_step_has_an_interval() -> None:
    seen = by_name(trial(lambda name, level: 1000.0 * (1 if name == "current" else level)))
    mine, base = seen["jemalloc"].speedup, seen["current"].speedup
    assert mine is not None
    assert base is not None
    assert mine.low is not None
    assert base.high is not None
    assert base.high < mine.low
    assert mine.value == pytest.approx(2, rel=0.05)


def test_screening_runs_alone_give_an_effect_without_an_interval() -> None:
    plan = design(["jemalloc"], budget=None)
    slots = [
        Slot(stage=Stage.SCREENING, block=0, position=n, candidate=c) for n, c in enumerate(["current", "jemalloc"])
    ]
    runs = [replace(plain(slot), steps=(step(1, 1000.0), step(2, 1500.0 + 500 * n))) for n, slot in enumerate(slots)]
    found = effect(by_name(of(plan, tuple(runs)))["jemalloc"], 2)
    assert found.effect == pytest.approx(1 / 3)
    assert (found.low, found.high) == (None, None)


def test_cycles_of_one_run_are_not_taken_for_runs() -> None:
    plan = design(["jemalloc"], budget=None)
    slot = Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current")
    steps = tuple(step(level, 1000.0 * level, cycle=cycle) for cycle in range(9) for level in (1, 2, 4, 8))
    (ramp,) = ramps(of(plan, (replace(plain(slot), steps=steps),)))
    assert [point.level for point in ramp.points] == [1, 2, 4, 8]
    assert ramp.law is not None
    assert ramp.law.rate.low is None


def test_a_run_that_broke_off_and_a_plain_command_have_no_ramp() -> None:
    plan = design(["jemalloc"], budget=None)
    slot = Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current")
    broken = replace(plain(slot, outcome=Outcome.CRASHED), steps=(step(1, 1000.0),))
    assert ramps(of(plan, (broken,))) == ()
    seen = trial(better_when_crowded)
    assert ramps(replace(seen, workload=replace(seen.workload, service=None))) == ()
