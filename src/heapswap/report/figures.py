"""How a metric, a value, an effect and an interval are written."""

from math import isfinite

from heapswap.profiling.model import Share
from heapswap.units import format_bytes, format_duration, format_effect, metric_name

UNKNOWN = "-"
"""stands where nothing is known"""

_TITLES = {"peak": "peak", "mean": "mean", "idle": "idle", "user": "user", "system": "system", "faults": "faults"}


def name(metric: str) -> str:
    """A metric in a sentence; the user's own keeps its name."""
    return metric_name(metric)


def title(metric: str) -> str:
    """A metric above a column."""
    return _TITLES.get(metric, name(metric))


def known(value: float | None) -> float | None:
    """The value where it is a number to show."""
    return value if value is not None and isfinite(value) else None


def amount(value: float | None, unit: str) -> str:
    """A value in its unit: ``1.21 s``, ``132 MiB``, ``1,250 requests/s``."""
    value = known(value)
    if value is None:
        return UNKNOWN
    if unit == "s":
        return format_duration(value)
    if unit == "B" and abs(value) < 1e18:
        return format_bytes(value)
    number = f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
    return number if unit in ("", "1") else f"{number} {unit}"


def percent(effect: float | None) -> str:
    """An effect: ``-38.1 %``, ``+120 %``, ``0.0 %``; a hundredfold and more as ``x125``."""
    effect = known(effect)
    if effect is None:
        return UNKNOWN
    if abs(effect) >= 99:
        return f"x{1 + effect:.3g}"
    return "0.0 %" if abs(effect) < 0.0005 else format_effect(effect)


def interval(low: float | None, high: float | None) -> str:
    """Both ends in a sentence: ``-40.2 % to -35.9 %``."""
    return f"{percent(low)} to {percent(high)}"


def limits(low: float | None, high: float | None) -> str:
    """Both ends below a figure: ``(-40.2 % to -35.9 %)``; empty where neither is known."""
    return "" if known(low) is None and known(high) is None else f"({interval(low, high)})"


def span(low: float | None, high: float | None) -> str:
    """Both ends in a column, in percent: ``-40.2..-35.9``; empty where neither is known."""
    return _span(low, high, whole_from=99.5)


def rounded_span(low: float | None, high: float | None) -> str:
    """Both ends in a narrow column, whole percents from ten on: ``-40..-36``."""
    return _span(low, high, whole_from=9.95)


def _span(low: float | None, high: float | None, whole_from: float) -> str:
    if known(low) is None and known(high) is None:
        return ""
    return f"{_end(low, whole_from)}..{_end(high, whole_from)}"


def _end(effect: float | None, whole_from: float) -> str:
    text = percent(effect)
    if effect is None or not text.endswith(" %"):
        return "?" if text == UNKNOWN else text
    points = effect * 100
    return f"{points:+.0f}" if abs(points) >= whole_from else text.removesuffix(" %")


def share(fraction: float) -> str:
    """A margin or noise without a sign: ``10 %``, ``1.2 %``."""
    points = abs(fraction) * 100
    return f"{points:.2g} %" if points < 10 else f"{points:.0f} %"


def whole_seconds(seconds: float) -> str:
    """A duration that ticks, in whole seconds: ``7 s``, ``2 min 05 s``."""
    return f"{seconds:.0f} s" if seconds < 59.5 else format_duration(seconds)


def count(number: int, thing: str) -> str:
    """``1 run``, ``24 runs``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def part(fraction: float) -> str:
    """A part of a whole: ``12.3 %``."""
    return f"{fraction * 100:.1f} %"


def interval_of(share: Share) -> str:
    """An estimated part of a whole with its limits: ``12.3 % (11.0 % to 14.1 %)``."""
    return f"{part(share.value)} ({part(share.low)} to {part(share.high)})"


def thousands(number: float | None) -> str:
    """``812``, ``41,191``, ``7.1 million``; a dash for what was not counted."""
    if number is None:
        return UNKNOWN
    if number >= 1e9:
        return f"{number / 1e9:.1f} billion"
    return f"{number / 1e6:.1f} million" if number >= 1e6 else f"{number:,.0f}"
