"""Functions of call sites: right ones, or none and the reason."""

import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.native.support import compiled

from heapswap import native
from heapswap.traces import names
from heapswap.traces.model import By, TraceQuery
from heapswap.traces.names import named
from heapswap.traces.record import Limits, Recording, pack
from heapswap.traces.trace import Trace

CHAIN = Path(__file__).parents[1] / "integration" / "callsites" / "chain.c"
UNNAMED = {"function": None, "file": None, "line": None}


def recorded(program: Path, file: Path) -> Path:
    with Recording(file, Limits(), (str(program),)) as recording:
        subprocess.run([program], env=recording.environ({}), check=True, timeout=60)
    return file


def sites(trace: Path) -> TraceQuery:
    return Trace.open(trace).by(By.SITE)


def of(query: TraceQuery, program: Path) -> list[dict[str, Any]]:
    """The rows of one file, the one with most blocks first."""
    rows = [dict(row) for row in query.rows if row["module"] == str(program)]
    return sorted(rows, key=lambda row: -row["bytes"])


@pytest.mark.parametrize("options", [("-g",), ("-g", "-no-pie"), ("-g", "-Wl,--build-id=none")])
def test_call_sites_are_named_as_long_as_their_files_are_what_they_were(options: Sequence[str], tmp_path: Path) -> None:
    program = compiled(CHAIN, tmp_path, "-Wl,--build-id", *options)
    trace = recorded(program, tmp_path / "x.heap")
    assert pack(trace)
    large, small = of(sites(trace), program)
    lines = CHAIN.read_text().splitlines()
    for row, function, request in ((large, "large", "malloc(3000)"), (small, "small", "malloc(1000)")):
        assert (row["function"], row["file"], row["allocations"]) == (function, str(CHAIN), 40_000)
        assert request in lines[row["line"] - 1]

    elsewhere = program.rename(tmp_path / "elsewhere")
    query = sites(trace)
    assert all(row.items() >= UNNAMED.items() for row in of(query, program))
    assert [finding.seen for finding in query.findings] == ["no functions are named in chain: not here"]

    compiled(CHAIN, tmp_path, "-Wl,--build-id", *options, "-O2")
    query = sites(trace)
    assert all(row.items() >= UNNAMED.items() for row in of(query, program))
    assert [finding.seen for finding in query.findings] == [
        "no functions are named in chain: changed since it was recorded"
    ]

    elsewhere.rename(program)
    assert of(sites(trace), program) == [large, small]


def test_without_symbols_a_function_is_told_by_where_it_begins_as_in_a_profile(tmp_path: Path) -> None:
    program = compiled(CHAIN, tmp_path, "-s", "-O2")
    large, small = of(sites(recorded(program, tmp_path / "x.heap")), program)
    assert large["function"].startswith("chain+0x")
    assert int(large["function"].partition("+")[2], 16) < large["offset"]
    assert large["function"] != small["function"]
    assert (large["file"], large["line"]) == (None, None)


SITE = {"module": "/p", "offset": 7, "version": {"build_id": None, "size": None, "modified": None}, "bytes": 3}


def test_what_was_recorded_before_versions_were_has_no_names() -> None:
    rows, findings = named([SITE, SITE | {"module": ""}])
    assert rows == (
        UNNAMED | {"module": "/p", "offset": 7, "bytes": 3},
        UNNAMED | {"module": "", "offset": 7, "bytes": 3},
    )
    (finding,) = findings
    assert finding.seen == "no functions are named in p: the recording does not tell which version was loaded"


def test_of_many_files_those_with_most_call_sites_are_told() -> None:
    _, (finding,) = named([SITE | {"module": f"/lib{name}"} for name in "abcdeebb"])
    assert finding.seen.startswith("no functions are named in libb, libe, liba and 2 more: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [("echo boom >&2; exit 3", "boom"), ("echo '[]'", "0 names for 1 places"), ("echo '[{'", "truncated")],
)
def test_rows_are_there_also_where_naming_fails(
    text: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "heapswap-symbolise"
    path.write_text(f"#!/bin/sh\ncat > /dev/null\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(native, "symboliser", lambda: path)
    rows, (finding,) = names.named([SITE])
    assert rows[0].items() >= UNNAMED.items()
    assert says in finding.seen
