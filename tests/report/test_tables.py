"""The table of a trial: what gives way when there is less room."""

from dataclasses import replace

from heapswap.report.tables import comparison_table, metrics_shown, ranked
from heapswap.verdict.model import GuardCheck, GuardState, Verdict
from heapswap.workload import Metric
from tests.report.examples import ADOPT, KEEP, LONG, MEMORY, OWN, OWN_METRIC


def _table(verdict: Verdict, width: int) -> list[str]:
    order = ranked(verdict, ())
    return [line.plain for line in comparison_table(verdict, order, width).lines]


def test_values_stand_beside_effects_where_there_is_room() -> None:
    assert "1.23 s  -1.2 %" in _table(KEEP, 80)[2]
    assert _table(KEEP, 60)[2].startswith("mimalloc (22)      -1.2 %")


def test_intervals_are_rounded_before_a_metric_is_dropped() -> None:
    assert "-40.2..-35.9" in _table(ADOPT, 80)[3]
    assert "-40..-36" in _table(ADOPT, 66)[3]


def test_the_primary_is_the_last_to_go() -> None:
    table = comparison_table(MEMORY, ["system:arena_max=2"], 40)
    assert "*idle" in table.lines[0].plain
    assert "idle" not in table.left_out
    assert table.left_out[-1] == "mean"


def test_a_long_spelling_stands_alone_above_its_figures() -> None:
    lines = _table(ADOPT, 80)
    at = lines.index(f"{LONG} (2)")
    assert lines[at + 1].split() == ["+12.1", "%", "+11.4", "%", "-5.2", "%", "-8.0", "%"]


def test_adopted_first_then_tested_then_screened() -> None:
    assert ranked(replace(ADOPT, candidate="jemalloc/fast"), ()) == [
        "jemalloc/fast",
        "mimalloc",
        "jemalloc",
        "system:arena_max=2",
        LONG,
    ]


def test_a_guard_breaker_is_not_the_best_however_much_it_gains() -> None:
    assert ranked(replace(MEMORY, candidate=None), ())[0] == "system:arena_max=2"


def test_guards_in_doubt_come_behind_guards_inside_their_limits() -> None:
    leader, second = ranked(replace(MEMORY, candidate=None, guards=()), ())[:2]

    def first(effect: float) -> str:
        doubt = GuardCheck(
            candidate=leader, metric="cpu", limit=0.15, effect=effect, low=0.05, high=0.3, state=GuardState.OPEN
        )
        return ranked(replace(MEMORY, candidate=None, guards=(doubt,)), ())[0]

    assert first(0.10) == leader
    assert first(0.20) == second


def test_more_of_a_metric_can_be_better() -> None:
    verdict = replace(OWN_METRIC, candidate=None)
    assert ranked(verdict, OWN.metrics) == ["mimalloc", "jemalloc"]
    assert ranked(verdict, (Metric(name="throughput", pattern="(.)"),)) == ["jemalloc", "mimalloc"]


def test_metrics_that_say_nothing_have_no_column() -> None:
    assert metrics_shown(ADOPT.comparisons, "cpu") == ("cpu", "wall", "peak", "mean")
    assert metrics_shown((), "cpu") == ()
