"""What a program printed: its digest, its last words, and the user's metrics in it."""

import contextlib
import hashlib
import json
import math
import mmap
import re
from collections.abc import Sequence
from pathlib import Path

from heapswap.findings import Finding, Level
from heapswap.trials.model import Measurement
from heapswap.workload import Metric

LAST_LINES = 20
_LAST_BYTES = 16 * 1024


def digest(path: Path) -> str:
    """``sha256:…`` of a file."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def last_lines(path: Path) -> str:
    """The last lines of a file, at most `LAST_LINES` of them."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LAST_BYTES))
        text = file.read().decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-LAST_LINES:])


def read_metrics(metrics: Sequence[Metric], paths: Sequence[Path]) -> tuple[list[Measurement], list[Finding]]:
    """The user's metrics: the last match in the first file that has one.

    A metric that is nowhere, or is no number, is a finding and has no row.
    """
    rows: list[Measurement] = []
    findings: list[Finding] = []
    for metric in metrics:
        found = next((text for path in paths if (text := _found(metric, path)) is not None), None)
        value = math.nan if found is None else _number(found)
        if math.isfinite(value):
            rows.append(Measurement(metric=metric.name, value=value, unit=metric.unit, direction=metric.direction))
        else:
            findings.append(_absent(metric, found))
    return rows, findings


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _absent(metric: Metric, found: str | None) -> Finding:
    missing = f"no '{metric.path}' in JSON printed" if metric.path else f"'{metric.pattern}' matches nothing printed"
    seen = missing if found is None else f"'{found}' is not a number"
    return Finding(
        code="metric-absent",
        level=Level.WARNING,
        seen=f"metric '{metric.name}': {seen}",
        remedy="give a pattern whose group is a number that the program prints in every run",
    )


def _found(metric: Metric, path: Path) -> str | None:
    return _at(metric.path, path) if metric.path else _last_match(metric.pattern, path)


def _at(place: str, path: Path) -> str | None:
    """What stands at a place in the JSON that a file is, or that its last line which is any is."""
    text = path.read_text(encoding="utf-8", errors="replace")
    value: object = None
    for piece in (text, *reversed(text.splitlines())):
        if piece.strip()[:1] in ("{", "["):
            with contextlib.suppress(ValueError, RecursionError):
                value = json.loads(piece)
                break
    for key in place.split("."):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.lstrip("-").isdecimal() and -len(value) <= int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return None if isinstance(value, bool) else str(value)


def _last_match(pattern: str, path: Path) -> str | None:
    if path.stat().st_size == 0:
        return None  # nothing cannot be mapped
    compiled = re.compile(pattern.encode(), re.MULTILINE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        last = None
        for match in compiled.finditer(content):
            last = match[1] if compiled.groups else match[0]
    return None if last is None else last.decode("utf-8", "replace")
