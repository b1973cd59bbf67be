"""Functions for the call sites of a trace, from the files that were loaded, where they are still what they were."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import PurePath
from typing import Any

import msgspec

from heapswap import native
from heapswap.findings import Finding, Level
from heapswap.traces.model import Value

LONGEST = 120.0
"""seconds that naming may take: it reads the debugging information of everything that was loaded"""
TOLD = 3
"""files without names that are told, most call sites first"""


class Found(StrEnum):
    """What the file of a call site is today."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """no file, or a recording that does not tell which version it was"""


class Name(msgspec.Struct, frozen=True):
    """What `heapswap-symbolise --places` says of one."""

    found: Found
    function: str | None
    file: str | None
    line: int | None


Site = Mapping[str, Any]
"""a row of heapswap-trace: module and offset, `version` of the file, and figures"""
Row = dict[str, Value]


def named(sites: Sequence[Site]) -> tuple[tuple[Row, ...], tuple[Finding, ...]]:
    """The sites with function, file and line, each None where it is not known, and why some have none."""
    try:
        names = _asked(sites)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError, ValueError) as error:
        return tuple(_row(site, _NOBODY) for site in sites), (_failed(error),)
    rows = tuple(_row(site, name) for site, name in zip(sites, names, strict=True))
    return rows, tuple(_doubts(sites, names))


_NOBODY = Name(Found.UNKNOWN, None, None, None)


def _asked(sites: Sequence[Site]) -> list[Name]:
    places = [{name: site[name] for name in ("module", "offset", "version")} for site in sites]
    done = subprocess.run(
        [str(native.symboliser()), "--places"],
        input=msgspec.json.encode(places),
        capture_output=True,
        check=True,
        timeout=LONGEST,
    )
    names = msgspec.json.decode(done.stdout, type=list[Name])
    if len(names) != len(sites):
        raise ValueError(f"{len(names)} names for {len(sites)} places")
    return names


def _row(site: Site, name: Name) -> Row:
    where = {"module": site["module"], "offset": site["offset"]}
    figures = {key: value for key, value in site.items() if key not in ("module", "offset", "version")}
    return {"function": name.function, "file": name.file, "line": name.line, **where, **figures}


def _doubts(sites: Sequence[Site], names: Sequence[Name]) -> Iterator[Finding]:
    for found, (what, remedy) in _WHY.items():
        modules = [site["module"] for site, name in zip(sites, names, strict=True) if name.found is found]
        if any(modules):
            yield Finding(
                code="no-names",
                level=Level.NOTE,
                seen=f"no functions are named in {_together([module for module in modules if module])}: {what}",
                remedy=remedy,
            )


_WHY = {
    Found.CHANGED: (
        "changed since it was recorded",
        "record again, or report where the files are as they were: they are compared by build id",
    ),
    Found.MISSING: (
        "not here",
        "report where the program ran, or put the same files at the same paths",
    ),
    Found.UNKNOWN: (
        "the recording does not tell which version was loaded",
        "record again: an older heapswap, or a file that could not be read, leaves none",
    ),
}


def _together(modules: Sequence[str]) -> str:
    """The files with most call sites, and how many there are besides."""
    most = sorted(dict.fromkeys(modules), key=lambda module: (-modules.count(module), module))
    shown = ", ".join(PurePath(module).name for module in most[:TOLD])
    return f"{shown} and {len(most) - TOLD} more" if len(most) > TOLD else shown


def _failed(error: Exception) -> Finding:
    said = getattr(error, "stderr", None) or b""
    reason = said.decode(errors="replace").strip().rpartition("\n")[2] or str(error)
    return Finding(
        code="no-names",
        level=Level.WARNING,
        seen=f"no functions are named: {reason}",
        remedy="the places are those of the files; addr2line names them one by one",
    )
