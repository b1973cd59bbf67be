"""A trace in every form that a report has."""

import io
import json
import re
from pathlib import Path

import jsonschema
import pytest
from pyarrow import parquet

from heapswap.cli.main import main
from heapswap.report.formats import Format
from heapswap.report.schemas import schema
from heapswap.report.trace import trace_written, write_events
from heapswap.traces.model import By
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


def test_every_event_as_parquet() -> None:
    out = io.BytesIO()
    write_events(TRACE, out)
    table = parquet.read_table(out)
    assert table.num_rows == 600
    assert set(table["kind"].to_pylist()) == {"allocate", "free"}
    assert table["function"].to_pylist().count("malloc") == Trace.open(TRACE).counts.allocations
    assert table["alignment"].null_count == 600
    assert table["caller"].null_count == table["kind"].to_pylist().count("free")


@pytest.mark.acceptance
def test_the_example_of_the_documentation_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(TRACE), "--parquet", "-o", "server.parquet"]) == 0
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "traces.md").read_text(), re.DOTALL)
    exec(compile(example, "docs/traces.md", "exec"), {})
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["count", "mean", "max"]
    counts = Trace.open(TRACE).counts
    assert sum(int(row.split()[1]) for row in rows) == counts.known_frees


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
