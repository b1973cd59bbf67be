"""What a replay predicts: memory as seen, time scaled, and never an adoption."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.verdict.model import Comparison, Decision, Effect, Verdict
from heapswap.verdict.objective import MIB
from heapswap.verdict.prediction import Fidelity, Outlook, predict

FIDELITY = Fidelity(speed="recorded", calls=1000, threads=2, seconds=10.0, unknown_frees=0, lost_frees=0)


def row(
    candidate: str, metric: str, effect: float, *, baseline: float, high: float | None = None, low: float | None = None
) -> Effect:
    return Effect(
        candidate=candidate,
        metric=metric,
        effect=effect,
        low=low,
        high=high,
        verdict=Comparison.UNKNOWN,
        runs=2,
        baseline=baseline,
    )


def verdict(*rows: Effect) -> Verdict:
    return Verdict(
        outcome=Decision.ADOPT,
        candidate="jemalloc",
        baseline="current",
        objective="heap",
        primary="heap_peak",
        rule="",
        reason="",
        comparisons=rows,
    )


@pytest.mark.parametrize(
    ("effect", "baseline", "high", "is_worth"),
    [
        (-0.30, 100 * MIB, None, True),
        (-0.30, 100 * MIB, -0.2, True),
        (-0.30, 100 * MIB, 0.1, False),
        (-0.05, 100 * MIB, -0.04, False),
        (-0.30, 10 * MIB, None, False),  # 3 MiB are nothing
        (0.30, 100 * MIB, None, False),
    ],
)
def test_memory_counts_beyond_the_margin(effect: float, baseline: float, high: float | None, is_worth: bool) -> None:
    said = predict(verdict(row("a", "heap_peak", effect, baseline=baseline, high=high)), "x.heap", FIDELITY)
    assert said.memory[0].is_worth_a_trial is is_worth
    assert said.outlook is (Outlook.WORTH_A_TRIAL if is_worth else Outlook.NOTHING)
    assert said.candidate == ("a" if is_worth else None)


def test_time_is_scaled_by_the_part_that_the_calls_have() -> None:
    said = predict(verdict(row("a", "heap_cpu", -0.40, baseline=1.0, low=-0.5, high=-0.3)), "x.heap", FIDELITY)
    (time,) = said.time
    assert said.share == pytest.approx(0.1)
    assert (time.effect, time.low, time.high) == pytest.approx((-0.04, -0.05, -0.03))
    assert time.is_worth_a_trial


def test_a_program_that_slept_while_it_was_recorded_has_only_what_it_worked() -> None:
    slept = replace(FIDELITY, cpu_seconds=2.0)
    assert predict(verdict(row("a", "heap_cpu", -0.40, baseline=1.0)), "x.heap", slept).share == pytest.approx(0.5)


def test_time_of_few_runs_has_to_gain_more() -> None:
    said = predict(verdict(row("a", "heap_cpu", -0.40, baseline=1.0)), "x.heap", FIDELITY)
    assert said.outlook is Outlook.NOTHING


def test_the_candidate_that_saves_most_memory_comes_first() -> None:
    rows = [row(name, "heap_peak", effect, baseline=100 * MIB) for name, effect in (("a", -0.2), ("b", -0.4))]
    assert predict(verdict(*rows, row("c", "heap_cpu", -0.9, baseline=9.0)), "x.heap", FIDELITY).candidate == "b"


@given(st.floats(-1, 5), st.floats(0, 1e3), st.floats(0, 1e3))
def test_no_prediction_of_time_is_more_than_the_calls_take(effect: float, calls: float, seconds: float) -> None:
    fidelity = Fidelity(speed="max", calls=1, threads=1, seconds=seconds, unknown_frees=0, lost_frees=0)
    said = predict(verdict(row("a", "heap_cpu", effect, baseline=calls)), "x.heap", fidelity)
    if said.share is None:
        assert seconds == 0
        assert said.time == ()
    else:
        assert 0 <= said.share <= 1
        assert (said.time[0].effect or 0) >= -said.share
