"""A trace in every form that a report has."""

import io
import json
import re
import subprocess
from pathlib import Path

import duckdb
import jsonschema
import pytest
from pyarrow import parquet

from heapswap import native
from heapswap.cli.main import main
from heapswap.findings import Finding, Level
from heapswap.report.document.model import charts_of
from heapswap.report.document.trace import query_document
from heapswap.report.formats import Format
from heapswap.report.schemas import schema
from heapswap.report.text import document_text
from heapswap.report.trace import trace_written, write_events
from heapswap.traces.model import By, TraceQuery, Value
from heapswap.traces.trace import Trace

ROOT = Path(__file__).parents[2]
TRACE = ROOT / "tests" / "traces" / "golden" / "version_1.heap"


def text(by: By | None, width: int = 80) -> str:
    return trace_written(TRACE, by, Format.TEXT, width=width).decode()


@pytest.mark.parametrize("by", [None, *By])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_longer_than_the_terminal(by: By | None, width: int) -> None:
    shown = text(by, width)
    assert shown.startswith("synthetic: ")
    assert max(map(len, shown.splitlines())) <= width


def test_at_a_glance() -> None:
    assert text(None).splitlines()[:2] == [
        "synthetic: 18.0 KiB live at most, 600 events of 2 threads in 0 ms.",
        "The trace has 2.1 KiB, 3.67 bytes an event.",
    ]


def test_json_fits_its_schema_and_holds_nothing_else() -> None:
    summary = json.loads(trace_written(TRACE, None, Format.JSON, width=80))
    jsonschema.Draft202012Validator(schema("trace-summary")).validate(summary)
    assert list(summary) == [
        "kind", "schema", "events", "threads", "allocations", "frees", "peak_live_bytes", "cross_thread_share",
        "bytes_per_event",
    ]  # fmt: skip
    for by in By:
        rows = json.loads(trace_written(TRACE, by, Format.JSON, width=80))
        jsonschema.Draft202012Validator(schema("trace-query")).validate(rows)
        assert rows["by"] == by


def site(function: str | None, file: str | None = None, line: int | None = None, **figures: int) -> dict[str, Value]:
    usual = dict.fromkeys(("allocations", "bytes", "frees", "freed_elsewhere", "live_bytes_at_end"), 1000)
    names = {"function": function, "file": file, "line": line}
    return {**names, "module": "/usr/lib/libplain.so.1", "offset": 0x1230, **usual, "live_bytes_at_peak": 50, **figures}


LONG = "std::vector<std::pair<std::string, int>, std::allocator<std::pair<std::string, int>>>::_M_insert<int>(int, int)"
SITES = TraceQuery(
    by=By.SITE,
    rows=(
        site(LONG, "/usr/include/c++/bits/vector.tcc", 1204, live_bytes_at_peak=9000),
        site("append", live_bytes_at_peak=800),
        site("append", offset=0x1250, live_bytes_at_peak=100),
        site(None),
        site("x" * 100 + "\x1b[31m", live_bytes_at_peak=5),
    ),
    findings=(Finding(code="no-names", level=Level.NOTE, seen="no functions are named in x", remedy="record again"),),
)
NAMED = """\
  call site                         blocks    bytes      freed   at the   at the
                                                     elsewhere     peak      end
  std::vector<…>::                   1,000   1000 B    100.0 %  8.8 KiB   1000 B
  _M_insert<…>(int, int)
  (vector.tcc:1204)
  append (libplain.so.1)             2,000  2.0 KiB    100.0 %    900 B  2.0 KiB
  libplain.so.1+0x1230               1,000   1000 B    100.0 %     50 B   1000 B
  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx   1,000   1000 B    100.0 %      5 B   1000 B
  xxxxxxxxxxxxxxxxxxxxxxxxxxx…
  (libplain.so.1)

Doubts
  note: no functions are named in x
    -> record again
"""


def test_call_sites_are_named_for_a_person() -> None:
    shown = document_text(query_document(Trace.open(TRACE), SITES), width=80)
    assert shown.partition("Blocks by who asked for them\n")[2] == NAMED
    assert "\x1b" not in shown
    for width in (40, 60, 120):
        lines = document_text(query_document(Trace.open(TRACE), SITES), width=width).splitlines()
        assert max(map(len, lines)) <= width


def test_every_event_as_parquet() -> None:
    out = io.BytesIO()
    write_events(TRACE, out)
    table = parquet.read_table(out)
    assert table.num_rows == 600
    assert set(table["kind"].to_pylist()) == {"allocate", "free"}
    assert table["function"].to_pylist().count("malloc") == Trace.open(TRACE).counts.allocations
    assert table["alignment"].null_count == 600
    assert table["caller"].null_count == table["kind"].to_pylist().count("free")


def example(language: str) -> str:
    """The one of the documentation."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "traces.md").read_text(), re.DOTALL)
    return str(found)


@pytest.mark.acceptance
def test_the_examples_of_the_documentation_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # Means are far above the last digit that pandas prints.
    trace = tmp_path / "server.heap"
    subprocess.run([native.tracer(), "synthesise", "300000", trace, "2"], check=True)
    assert main(["report", str(trace), "--parquet", "-o", "server.parquet"]) == 0
    exec(compile(example("python"), "docs/traces.md", "exec"), {})
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["count", "mean", "max"]
    counts = Trace.open(trace).counts
    assert sum(int(row.split()[1]) for row in rows) == counts.known_frees
    by_pandas = {int(size): (int(count), float(mean)) for size, count, mean, _ in map(str.split, rows)}
    by_duckdb = {size: (count, mean) for size, count, mean in duckdb.execute(example("sql")).fetchall()}
    assert by_duckdb.keys() == by_pandas.keys()
    assert min(mean for _, mean in by_duckdb.values()) > 2e-5
    for size, (count, mean) in by_duckdb.items():
        assert count == by_pandas[size][0]
        assert mean == pytest.approx(by_pandas[size][1], abs=1e-6)


@pytest.mark.parametrize(
    "form", ["--csv", "--markdown", pytest.param("--html", marks=pytest.mark.acceptance), "--json", "--parquet"]
)
def test_every_form_is_a_file(form: str, tmp_path: Path) -> None:
    for by in ((), ("--by", "thread")):
        out = tmp_path / "out"
        assert main(["report", str(TRACE), form, *by, "-o", str(out)]) == 0
        assert out.stat().st_size > 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((str(TRACE), str(TRACE)), "a trace is neither compared"),
        ((str(TRACE), "--csv", "--table", "x"), "a trace is neither compared"),
        ((str(TRACE.with_suffix(".json")), "--by", "size"), "--by is for a trace"),
    ],
)
def test_misuse(words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *words]) == 2
    assert says in capsys.readouterr().err


def test_sizes_are_drawn_as_they_are_told() -> None:
    trace = Trace.open(TRACE)
    (chart,) = charts_of(query_document(trace, trace.by(By.SIZE)))
    assert chart.title == "Sizes asked for by the program"
    for bars in chart.traces:
        assert sum(bars["y"]) == pytest.approx(100, abs=0.1)  # type: ignore[call-overload]


@pytest.mark.parametrize("intervals", [2, 5])
def test_live_bytes_are_drawn_where_there_are_intervals_enough(intervals: int) -> None:
    rows = tuple(
        {"end_ns": at * 10**9, "live_bytes": at * 1024, "peak_live_bytes": 9 * 1024} for at in range(1, intervals + 1)
    )
    charts = charts_of(query_document(Trace.open(TRACE), TraceQuery(by=By.TIME, rows=rows)))
    drawn = [(trace["name"], trace["x"], trace["y"]) for chart in charts for trace in chart.traces]
    whole = [("at most", [1, 2, 3, 4, 5], [9] * 5), ("at the end", [1, 2, 3, 4, 5], [1, 2, 3, 4, 5])]
    assert drawn == (whole if intervals == 5 else [])
