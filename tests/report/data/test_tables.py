"""Tables of plain values: every row as long as the head, and nothing rounded."""

import csv
from io import BytesIO, StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from heapswap.errors import Misuse
from heapswap.report.comparison.make import compare
from heapswap.report.data.csv import csv_text
from heapswap.report.data.parquet import parquet_bytes
from heapswap.report.data.tables import Frame, frame, tables_of
from heapswap.report.lines import printable
from heapswap.report.reading import KINDS
from heapswap.trials.model import Trial
from tests.report.artifacts import HOSTILE, saved
from tests.report.golden_files import matches_golden

words = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
values = st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.floats(allow_nan=False), words)


@pytest.mark.parametrize("kind", KINDS)
def test_every_table_of_every_kind(kind: str) -> None:
    found = saved(kind)
    for name in tables_of(found):
        rows = frame(found, name)
        assert all(len(row) == len(rows.columns) for row in rows.rows)
        table = parquet.read_table(BytesIO(parquet_bytes(rows)))
        assert table.column_names == list(rows.columns)
        assert [tuple(row.values()) for row in table.to_pylist()] == list(rows.rows)
    assert frame(found) == frame(found, tables_of(found)[0])
    assert frame(found).rows


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        ("trial", "measurements"),
        ("verdict", "comparisons"),
        ("profile", "size_classes"),
        ("conformance", "clauses"),
        ("prediction", "forecasts"),
    ],
)
def test_a_table_of_each_kind_as_csv(kind: str, table: str) -> None:
    matches_golden(f"report-{kind}.csv", csv_text(frame(saved(kind), table)).replace("\r\n", "\n"))


def test_a_comparison_has_tables_too() -> None:
    found = frame(compare(saved("trial"), saved("trial")))
    assert found.columns[:3] == ("subject", "measure", "unit")
    assert found.rows


def test_a_trial_is_a_row_a_measurement_or_a_row_a_run() -> None:
    trial = saved("trial")
    assert isinstance(trial, Trial)
    assert len(frame(trial).rows) == sum(len(run.measurements) for run in trial.runs)
    runs = frame(trial, "runs")
    assert len(runs.rows) == len(trial.runs)
    wall = runs.columns.index("wall")
    assert [row[wall] for row in runs.rows] == [run.value("wall") for run in trial.runs]


def test_another_table_is_misuse_with_the_near_one() -> None:
    with pytest.raises(Misuse, match="no table 'clause'; did you mean clauses"):
        frame(saved("conformance"), "clause")


@given(st.lists(words, min_size=1, max_size=4, unique=True), st.data())
@settings(max_examples=60)
def test_no_cell_is_a_formula_and_each_stays_one_cell(columns: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(*(values for _ in columns)), max_size=4))
    read = list(csv.reader(StringIO(csv_text(Frame(name="t", columns=tuple(columns), rows=tuple(rows))))))
    assert [len(row) for row in read if row] == [len(columns)] * len([row for row in read if row])
    for told, row in zip(read[1:], rows, strict=False):
        for cell, value in zip(told, row, strict=True):
            if isinstance(value, str):
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
                assert cell.removeprefix("'") == printable(value).removeprefix("'")
            elif isinstance(value, float):
                assert float(cell) == value
