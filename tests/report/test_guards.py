"""Guards: the figures only where a limit is not held."""

from heapswap.report.guards import guard_lines
from heapswap.verdict.model import GuardCheck, GuardState
from tests.report.examples import guard

HELD = guard("a", "peak", 0.1, (0.01, 0.0, 0.02), GuardState.HELD)
OPEN = guard("a", "cpu", 0.05, (0.03, 0.0, 0.06), GuardState.OPEN)
BROKEN = guard("a", "mean", 0.1, (0.3, 0.2, 0.4), GuardState.BROKEN)


def _text(*checks: GuardCheck) -> list[str]:
    return [line.plain for line in guard_lines(checks, ["a"], 80)]


def test_all_held_is_one_short_line() -> None:
    assert _text(HELD) == ["  a: held (peak memory)."]


def test_broken_stands_before_open_before_held() -> None:
    assert _text(HELD, OPEN, BROKEN) == [
        "  a: mean memory BROKEN, +30.0 % (+20.0 % to +40.0 %), limit +10.0 %; CPU time",
        "    OPEN, +3.0 % (0.0 % to +6.0 %), limit +5.0 %; 1 other held.",
    ]


def test_guards_without_an_interval_are_named_without_figures() -> None:
    untested = [guard(candidate, "peak", 0.1, (0.0, None, None), GuardState.OPEN) for candidate in ("b", "c")]
    assert _text(HELD, *untested) == ["  a: held (peak memory).", "  b, c: open, too few runs to tell."]
    mixed = guard("a", "cpu", 0.1, (0.0, None, None), GuardState.OPEN)
    assert _text(HELD, mixed) == ["  a: CPU time open, too few runs to tell; 1 other held."]
