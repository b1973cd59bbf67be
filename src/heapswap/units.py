"""Sizes, durations, ratios and the names of what is measured: read from a person, written for a person."""

import re

from heapswap.errors import Misuse

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_METRICS = {
    "wall": "wall time",
    "cpu": "CPU time",
    "user": "user CPU time",
    "system": "system CPU time",
    "peak": "peak memory",
    "mean": "mean memory",
    "idle": "idle memory",
    "faults": "page faults",
    "cpu_per_request": "CPU per request",
    "heap_peak": "peak heap",
    "heap_mean": "mean heap",
    "heap_end": "heap at the end",
    "heap_cpu": "CPU time of calls",
    "allocate_p50": "median allocation",
    "allocate_p99": "p99 allocation",
    "allocate_p99_9": "p99.9 allocation",
    "allocate_p99_99": "p99.99 allocation",
    "free_p50": "median free",
    "free_p99": "p99 free",
    "free_p99_9": "p99.9 free",
    "free_p99_99": "p99.99 free",
    "latency_mean": "mean latency",
    "latency_p50": "median latency",
    "latency_p90": "p90 latency",
    "latency_p99": "p99 latency",
}
_SIZES = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min|m|h)?")


def parse_duration(text: str) -> float:
    """Seconds from ``90``, ``90s``, ``2m``, ``1h30m``, ``250ms``.

    Raises:
        Misuse: anything else.
    """
    compact = text.replace(" ", "")
    parts = _DURATION.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise Misuse(f"'{text}' is not a duration; write 90s, 2m or 1h30m")
    return sum(float(number) * _SECONDS[unit or "s"] for number, unit in parts)


def parse_bytes(text: str) -> int:
    """Bytes from ``4096``, ``2GB``, ``1.5 GiB``, ``500M``.

    Raises:
        Misuse: anything else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(|[kmg]i?)b?", text.strip().lower())
    if found is None:
        raise Misuse(f"'{text}' is not a size; write 500MB, 2GB or 1.5GiB")
    return int(float(found[1]) * _SIZES[found[2]])


def parse_share(text: str) -> float:
    """A fraction from ``5%`` or ``2.5 %``.

    Raises:
        Misuse: anything else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text.strip())
    if found is None:
        raise Misuse(f"'{text}' is not a percentage; write 5% or 2.5%")
    return float(found[1]) / 100


def format_duration(seconds: float) -> str:
    """``80 ns``, ``1.5 µs``, ``250 ms``, ``1.20 s``, ``45 s``, ``2 min 05 s``, ``1 h 30 min``."""
    if seconds < 0.9995:
        return _short(seconds)
    if seconds < 59.5:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _short(seconds: float) -> str:
    for unit, scale in (("ns", 1e9), ("µs", 1e6)):
        if 0 < seconds * scale < 999.5:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1000:.3g} ms"


def format_bytes(count: float) -> str:
    """``512 B``, ``4.0 KiB``, ``132 MiB``, ``1.5 GiB``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1023.5 or unit == "TiB":
            digits = 0 if unit == "B" or abs(value) >= 99.5 else 1
            return f"{value:.{digits}f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def format_effect(effect: float) -> str:
    """A ratio minus one as a signed percentage: ``-31.4 %``, ``+5.0 %``, ``+120 %``."""
    percent = effect * 100
    digits = 0 if abs(percent) >= 99.5 else 1
    return f"{percent:+.{digits}f} %"


def metric_name(metric: str) -> str:
    """A metric in a sentence: ``CPU time`` for ``cpu``; the user's own keeps its name."""
    return _METRICS.get(metric, metric)
