"""What a load generator says it did: throughput, latencies, requests and errors, found in its output. Pure.

Every reader gives the same names: ``throughput`` (1/s, more is better), ``requests`` and ``errors`` (counts), and in
milliseconds ``latency_mean``, ``latency_max``, and quantiles as ``latency_p50``. What it does not find is left out.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping

from heapswap.trials.model import Measurement
from heapswap.workload import Direction, Reader

PHASE = "step"

_MILLISECONDS = {
    "us": 1e-3,
    "µs": 1e-3,
    "usec": 1e-3,
    "ms": 1.0,
    "msec": 1.0,
    "s": 1e3,
    "sec": 1e3,
    "m": 6e4,
    "h": 3.6e6,
}
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"

Figures = dict[str, float]


def read(reader: Reader, output: str) -> tuple[Measurement, ...]:
    """The rows of one step."""
    return tuple(_row(name, value) for name, value in READERS[reader](output).items())


def is_latency(metric: str) -> bool:
    """Whether a metric tells how long requests took."""
    return metric == "latency" or metric.startswith("latency_")


def _row(name: str, value: float) -> Measurement:
    unit = "1/s" if name == "throughput" else "ms" if is_latency(name) else "1"
    direction = Direction.MORE if name in ("throughput", "requests") else Direction.LESS
    return Measurement(metric=name, value=value, unit=unit, direction=direction, phase=PHASE)


def _wrk(output: str) -> Figures:
    """wrk 4 and wrk2, whose ``--latency`` (wrk2: ``--latency``, more digits) prints quantiles."""
    figures = _found(
        output,
        {"throughput": rf"^Requests/sec:\s*{_NUMBER}", "requests": r"^\s*(\d+) requests in "},
    )
    if average := re.search(
        rf"^\s*Latency\s+{_NUMBER}(us|ms|s|m|h)\s+\S+\s+{_NUMBER}(us|ms|s|m|h)", output, re.MULTILINE
    ):
        figures["latency_mean"] = float(average[1]) * _MILLISECONDS[average[2]]
        figures["latency_max"] = float(average[3]) * _MILLISECONDS[average[4]]
    for quantile, value, unit in re.findall(rf"^\s*([\d.]+)%\s+{_NUMBER}(us|ms|s|m|h)\s*$", output, re.MULTILINE):
        if float(quantile) < 100:
            figures[_quantile(quantile)] = float(value) * _MILLISECONDS[unit]
    socket = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    answers = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if "requests" in figures:
        figures["errors"] = float(sum(map(int, socket.groups())) if socket else 0) + float(answers[1] if answers else 0)
    return figures


def _ab(output: str) -> Figures:
    """ApacheBench."""
    figures = _found(
        output,
        {
            "throughput": rf"^Requests per second:\s*{_NUMBER}",
            "latency_mean": rf"^Time per request:\s*{_NUMBER} \[ms\] \(mean\)$",
            "requests": r"^Complete requests:\s*(\d+)",
            "errors": r"^Failed requests:\s*(\d+)",
        },
    )
    for quantile, value in re.findall(r"^\s+(\d+)%\s+(\d+)", output, re.MULTILINE):
        figures["latency_max" if quantile == "100" else _quantile(quantile)] = float(value)
    if answers := re.search(r"^Non-2xx responses:\s*(\d+)", output, re.MULTILINE):
        # An answer of another length than the first one counts as failed already.
        figures["errors"] = max(figures.get("errors", 0.0), float(answers[1]))
    return figures


def _redis(output: str) -> Figures:
    """redis-benchmark, plain, with ``-q`` or with ``--csv``; several tests count as one that ran them in turn."""
    tests = [*_redis_csv(output)] or [*_redis_plain(output)]
    rates = [test["throughput"] for test in tests if test.get("throughput")]
    if not rates:
        return {}
    figures = {"throughput": len(rates) / sum(1 / rate for rate in rates)}
    for name in dict.fromkeys(name for test in tests for name in test if is_latency(name)):
        values = [test[name] for test in tests if name in test]
        figures[name] = sum(values) / len(values) if name == "latency_mean" else max(values)
    requests = re.findall(r"^\s*(\d+) requests completed in", output.replace("\r", "\n"), re.MULTILINE)
    if requests:
        figures["requests"] = float(sum(map(int, requests)))
    return figures


def _redis_csv(output: str) -> Iterable[Figures]:
    lines = [line for line in output.replace("\r", "\n").splitlines() if line.startswith('"')]
    if not lines or not lines[0].startswith('"test"'):
        return
    for row in csv.DictReader(lines):
        found = {"throughput": row.get("rps"), "latency_mean": row.get("avg_latency_ms")}
        for name in ("p50", "p95", "p99", "max"):
            found[f"latency_{name}"] = row.get(f"{name}_latency_ms")
        yield {name: float(value) for name, value in found.items() if value}


def _redis_plain(output: str) -> Iterable[Figures]:
    text = output.replace("\r", "\n")
    summaries = re.findall(
        rf"throughput summary: {_NUMBER} requests per second(?:\s*latency summary \(msec\):\s*"
        rf"((?: *[a-z]+[0-9]*)+)\s*\n((?:\s*{_NUMBER})+))?",
        text,
    )
    for rate, names, values, *_ in summaries:
        figures = {"throughput": float(rate)}
        for name, value in zip(names.split(), values.split(), strict=False):
            if name in ("avg", "max") or name.startswith("p"):
                figures["latency_mean" if name == "avg" else f"latency_{name}"] = float(value)
        yield figures
    if not summaries:
        for rate, median in re.findall(rf"{_NUMBER} requests per second(?:, p50={_NUMBER} msec)?", text):
            yield {"throughput": float(rate), **({"latency_p50": float(median)} if median else {})}


def _pgbench(output: str) -> Figures:
    """pgbench 10 and later; it tells no quantiles."""
    figures = _found(
        output,
        {
            "throughput": rf"^tps = {_NUMBER} \((?:without initial connection time|excluding connections establishing)",
            "latency_mean": rf"^latency average = {_NUMBER} ms",
            "requests": r"^number of transactions actually processed: (\d+)",
            "errors": r"^number of failed transactions: (\d+)",
        },
    )
    if "throughput" not in figures:
        figures |= _found(output, {"throughput": rf"^tps = {_NUMBER}"})
    return figures


_ALIASES = {
    **dict.fromkeys(
        ("throughput", "rps", "requests/sec", "requests per second", "tps", "qps", "ops/sec"), "throughput"
    ),
    **dict.fromkeys(("requests", "operations", "transactions"), "requests"),
    **dict.fromkeys(("errors", "failures", "failed"), "errors"),
    **dict.fromkeys(("latency", "latency_mean", "mean", "latency_avg", "avg", "average"), "latency_mean"),
    **dict.fromkeys(("latency_max", "max"), "latency_max"),
    **dict.fromkeys(("median", "latency_median"), "latency_p50"),
}
_LINE = re.compile(
    rf"^[ \t]*([A-Za-z][\w./ -]*?|\d+(?:\.\d+)?%)[ \t]*[:=][ \t]*{_NUMBER}[ \t]*(us|µs|usec|msec|ms|sec|s)?\b",
    re.MULTILINE,
)
_QUANTILE = re.compile(r"(?:latency[_ ])?p(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)%")


def _generic(output: str) -> Figures:
    """Lines of a name and a number, or the last line that is a JSON object of such names; latencies are in
    milliseconds where no unit stands beside them."""
    figures: Figures = {}
    for name, number, unit in _LINE.findall(output):
        if known := _known(name):
            factor = _MILLISECONDS.get(unit, 1.0) if is_latency(known) else 1.0
            figures[known] = float(number) * factor
    for line in reversed(output.splitlines()):
        if line.lstrip().startswith("{"):
            return figures | _from_json(line)
    return figures


def _from_json(line: str) -> Figures:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    items = value.items() if isinstance(value, dict) else ()
    return {
        known: float(number)
        for name, number in items
        if isinstance(number, int | float) and not isinstance(number, bool) and (known := _known(name))
    }


def _known(name: str) -> str:
    """The name that a reader gives to what a generator calls so; empty for anything else."""
    lower = name.strip().lower()
    if quantile := _QUANTILE.fullmatch(lower):
        return _quantile(quantile[1] or quantile[2])
    return _ALIASES.get(lower, "")


def _found(output: str, patterns: Mapping[str, str]) -> Figures:
    matches = {name: re.search(pattern, output, re.MULTILINE) for name, pattern in patterns.items()}
    return {name: float(match[1]) for name, match in matches.items() if match}


def _quantile(text: str) -> str:
    return f"latency_p{float(text):g}"


READERS: Mapping[Reader, Callable[[str], Figures]] = {
    Reader.WRK: _wrk,
    Reader.AB: _ab,
    Reader.REDIS: _redis,
    Reader.PGBENCH: _pgbench,
    Reader.GENERIC: _generic,
}
