"""The rules: each answer from runs that call for it, and no other."""

from dataclasses import replace

import numpy as np
import pytest

from heapswap.environment import Environment
from heapswap.errors import ALREADY_SET, Misuse
from heapswap.trials.model import Criteria, Outcome, Run, Slot, Stage, Trial
from heapswap.verdict.model import Comparison, Decision, GuardState, Verdict
from heapswap.verdict.objective import OBJECTIVES, criteria
from heapswap.verdict.rules import RULES, decide
from heapswap.workload import Workload
from tests.trials.synthetic import MIB, conduct, design, run

NAMES = ("knob", "library", "tuned")
FIRST = run(Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current"))
NO_ENVIRONMENT = Environment(
    heapswap="0",
    python="",
    kernel="",
    libc="",
    machine="",
    processor="",
    cores=2,
    memory=0,
    page_size=4096,
    transparent_huge_pages="",
    variables=(),
)

Factors = dict[str, dict[str, float]]
"""by candidate, then by metric"""


def trial(
    factors: Factors,
    rules: Criteria | str = "time",
    *,
    noise: float = 0.01,
    budget: float = 126.0,
    outcomes: dict[str, Outcome] | None = None,
    outputs: dict[str, str] | None = None,
    names: tuple[str, ...] = NAMES,
) -> Trial:
    """A whole trial of candidates whose metrics are those of the baseline times given factors."""
    random = np.random.default_rng(7)
    chosen = criteria(rules, [FIRST]) if isinstance(rules, str) else rules

    def make(slot: Slot, number: int) -> Run:
        own = factors.get(slot.candidate, {})
        values = {
            name: own.get(name, 1.0) * float(np.exp(random.normal(0, noise if name in ("wall", "cpu") else 0.001)))
            for name in ("wall", "cpu", "peak", "idle")
        }
        outcome = (outcomes or {}).get(slot.candidate, Outcome.COMPLETED)
        output = (outputs or {}).get(slot.candidate, "sha256:same")
        return run(slot, values, outcome, output=output.replace("#", str(number)))

    plan = design(names, chosen, budget=budget)
    return Trial(
        workload=Workload(argv=("true",), directory="/"),
        environment=NO_ENVIRONMENT,
        design=plan,
        runs=conduct(plan, make),
    )


def verdict(factors: Factors, rules: Criteria | str = "time", **options: object) -> Verdict:
    return decide(trial(factors, rules, **options), "time")  # type: ignore[arg-type]


def test_a_large_gain_is_adopted_with_its_interval_beyond_the_margin() -> None:
    found = verdict({"library": {"wall": 0.66, "cpu": 0.66}})
    assert (found.outcome, found.candidate, found.rule) == (Decision.ADOPT, "library", "beyond-the-margin")
    row = next(one for one in found.comparisons if (one.candidate, one.metric) == ("library", "wall"))
    assert row.verdict is Comparison.BETTER
    assert row.low is not None
    assert row.high is not None
    assert row.low < -0.34 + 0.02
    assert row.high < -0.10
    assert all(check.state is GuardState.HELD for check in found.guards if check.candidate == "library")


def test_no_difference_is_kept_with_what_is_excluded() -> None:
    found = verdict({})
    assert (found.outcome, found.rule, found.candidate) == (Decision.KEEP, "gain-excluded", None)
    assert found.excluded is not None
    assert found.excluded < 0.10


def test_one_run_a_candidate_never_keeps() -> None:
    """Not even of a metric without any noise: one run says nothing of its own."""
    made = trial({}, "memory", noise=0.0)
    once = tuple(one for one in made.runs if one.slot.block <= 1)
    found = decide(replace(made, runs=once), "memory")
    assert (found.outcome, found.excluded) == (Decision.INCONCLUSIVE, None)


def test_a_gain_that_a_guard_forbids_is_told_beside_what_might_be_adopted() -> None:
    made = trial({"knob": {"idle": 0.5}, "library": {"idle": 0.1, "cpu": 1.5}}, "memory", names=("knob", "library"))
    found = decide(made, "memory")
    assert (found.outcome, found.candidate) == (Decision.ADOPT, "knob")
    (said,) = [one.seen for one in found.findings if "CPU time" in one.seen]
    assert said.startswith("library has idle memory -90")
    assert said.endswith("+15.0 % is allowed")


def test_a_reason_says_no_more_of_the_guards_than_was_shown() -> None:
    held = verdict({"library": {"wall": 0.66, "cpu": 0.66}})
    assert held.reason.startswith("library changes wall time by -3")
    assert held.reason.endswith(", and its guards hold")
    open_still = verdict({"knob": {"idle": 0.5, "cpu": 1.13}}, "memory", noise=0.06, names=("knob",))
    assert open_still.outcome is Decision.ADOPT
    assert [one.metric for one in open_still.guards if one.state is GuardState.OPEN] == ["cpu"]
    assert open_still.reason.endswith(
        "; the other guards hold; CPU time is inside its limit as estimated, though not beyond doubt"
    )


def test_a_promising_candidate_is_named_with_the_runs_that_confirm_it() -> None:
    made = trial({"library": {"wall": 0.6}})
    first = next(one.slot.block for one in made.runs if one.slot.stage is Stage.CONFIRMING)
    found = decide(replace(made, runs=tuple(one for one in made.runs if one.slot.block < first)), "time")
    assert found.outcome is Decision.INCONCLUSIVE
    assert "library looks best (wall time -39.6 %) and has yet to be confirmed" in found.reason
    assert found.runs_needed == 20


def test_much_noise_and_few_runs_are_inconclusive_with_the_runs_that_would_settle_it() -> None:
    found = verdict({}, noise=0.2, budget=30.0)
    assert found.outcome is Decision.INCONCLUSIVE
    assert found.runs_needed is not None
    assert found.runs_needed > 0


def test_between_equals_the_simpler_change_wins() -> None:
    made = trial({"knob": {"wall": 0.705}, "tuned": {"wall": 0.70}})
    found = decide(made, "time")
    assert found.outcome is Decision.ADOPT
    assert found.candidate in ("knob", "tuned")


def test_lower_idle_at_a_higher_peak_is_rejected_by_the_guard_and_the_knob_adopted() -> None:
    found = verdict({"knob": {"idle": 0.6, "peak": 0.7}, "tuned": {"idle": 0.4, "peak": 1.55}}, "memory")
    assert (found.outcome, found.candidate) == (Decision.ADOPT, "knob")
    broken = [one for one in found.guards if one.candidate == "tuned" and one.state is GuardState.BROKEN]
    assert [one.metric for one in broken] == ["peak"]
    assert [one.code for one in found.findings] == ["rejected-by-guard"]


def test_less_memory_at_a_price_in_time_is_shown_and_not_adopted() -> None:
    found = verdict({"knob": {"idle": 0.5, "cpu": 1.04}, "library": {"idle": 0.1, "cpu": 1.35, "wall": 1.3}}, "memory")
    assert (found.outcome, found.candidate) == (Decision.ADOPT, "knob")
    assert any(one.candidate == "library" and one.state is GuardState.BROKEN for one in found.guards)
    shown = next(one for one in found.comparisons if (one.candidate, one.metric) == ("library", "idle"))
    assert shown.effect == pytest.approx(-0.9, abs=0.02)


def test_a_candidate_that_always_fails_is_unsafe() -> None:
    found = verdict({}, outcomes={"library": Outcome.CRASHED}, names=("library",))
    assert (found.outcome, found.rule) == (Decision.UNSAFE, "fails-or-differs")
    assert "library crashed" in found.reason


@pytest.mark.parametrize(
    ("log", "remedy"),
    [
        ("abort: out of luck", "report it to its authors"),
        (f"heapswap.errors.Misuse: {ALREADY_SET}: a from LD_PRELOAD, b from app.py:1; …", "put HEAPSWAP_DISABLE=1"),
    ],
)
def test_a_candidate_that_the_programs_own_declaration_refuses_is_not_its_authors_matter(log: str, remedy: str) -> None:
    failed = trial({}, outcomes={"library": Outcome.FAILED}, names=("library",))
    runs = tuple(replace(one, log=log) if one.slot.candidate == "library" else one for one in failed.runs)
    found = decide(replace(failed, runs=runs), "time")
    (finding,) = (one for one in found.findings if one.code == "unsafe-candidate")
    assert remedy in finding.remedy


def test_a_failing_candidate_does_not_hide_a_good_one() -> None:
    found = verdict({"knob": {"wall": 0.6}}, outcomes={"library": Outcome.CRASHED})
    assert (found.outcome, found.candidate) == (Decision.ADOPT, "knob")
    assert "unsafe-candidate" in [one.code for one in found.findings]


def test_a_candidate_that_prints_something_else_is_unsafe() -> None:
    found = verdict({"library": {"wall": 0.5}}, outputs={"library": "sha256:other"}, names=("library",))
    assert found.outcome is Decision.UNSAFE


def test_a_program_that_never_prints_the_same_makes_nobody_unsafe() -> None:
    outputs = dict.fromkeys(("current", *NAMES), "sha256:#")
    found = verdict({"library": {"wall": 0.5}}, outputs=outputs)
    assert (found.outcome, found.candidate) == (Decision.ADOPT, "library")
    assert [one.code for one in found.findings] == ["nondeterministic-output"]


def test_a_program_smaller_than_the_margin_is_left_alone() -> None:
    tiny = Criteria(primary="idle", adopt_ratio=0.10, adopt_floor=500 * MIB)
    found = verdict({"knob": {"idle": 0.1}}, tiny)
    assert (found.outcome, found.rule) == (Decision.KEEP, "floor-out-of-reach")


def test_a_trial_that_was_stopped_at_once_says_that_nothing_was_compared() -> None:
    made = trial({})
    found = decide(
        Trial(workload=made.workload, environment=made.environment, design=made.design, runs=made.runs[:1]), "time"
    )
    assert (found.outcome, found.rule) == (Decision.INCONCLUSIVE, "nothing-compared")


@pytest.mark.parametrize("cut", [2, 5, 9, 15, 21, 30])
def test_a_trial_that_was_stopped_anywhere_has_an_answer(cut: int) -> None:
    made = trial({"library": {"wall": 0.9}}, noise=0.05)
    found = decide(
        Trial(workload=made.workload, environment=made.environment, design=made.design, runs=made.runs[:cut]), "time"
    )
    assert found.runs == min(cut, len(made.runs))
    assert found.rule in {name for name, _ in RULES}


def test_the_control_holds_zero() -> None:
    found = verdict({"library": {"wall": 0.9}}, noise=0.03)
    assert found.control is not None
    assert found.control.blocks >= 5
    assert found.control.effect == pytest.approx(0.0, abs=0.08)


@pytest.mark.parametrize(
    ("objective", "primary", "guards"),
    [
        ("balanced", "wall", {"cpu", "peak", "idle"}),
        ("time", "wall", {"peak", "idle"}),
        ("cpu", "cpu", {"peak", "idle"}),
        ("memory", "idle", {"cpu", "wall", "peak"}),
    ],
)
def test_an_objective_names_its_metric_and_guards(objective: str, primary: str, guards: set[str]) -> None:
    made = criteria(objective, [FIRST])
    assert made.primary == primary
    assert {one.metric for one in made.guards} == guards
    assert objective in OBJECTIVES


def test_a_metric_of_the_users_own_can_decide() -> None:
    assert criteria("time", [FIRST], primary="peak").adopt_floor == 8 * MIB
    with pytest.raises(Misuse, match="the first run has no metric 'rps'"):
        criteria("time", [FIRST], primary="rps")
    with pytest.raises(Misuse, match="choose one of balanced, time, cpu, memory"):
        criteria("speed", [FIRST])
