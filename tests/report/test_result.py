"""`heapswap.load`: an artifact in a notebook."""

import json
import re
import sys
from pathlib import Path

import pytest

import heapswap
from heapswap.errors import CannotGoOn, Misuse
from heapswap.report.reading import KINDS
from tests.report.artifacts import SAVED


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_loads_and_shows_itself(kind: str) -> None:
    found = heapswap.load(SAVED[kind])
    assert found.kind == kind
    assert found.answer in repr(found)
    assert found._repr_html_().startswith('<div class="heapswap">')
    assert found.to_markdown().startswith("## ")
    for table in found.tables:
        assert list(found.to_dataframe(table).columns)
    assert len(found.to_dataframe()) > 0


def test_two_are_compared_and_the_change_shows_itself_too() -> None:
    verdict = heapswap.load(str(SAVED["verdict"]))
    change = verdict.compare(heapswap.load(SAVED["trial"]))
    assert change.kind == "comparison"
    assert "changes" in change.tables
    assert "<table>" in change._repr_html_()
    with pytest.raises(Misuse, match="cannot be compared"):
        change.compare(verdict)


def test_numbers_are_not_rounded() -> None:
    frame = heapswap.load(SAVED["trial"]).to_dataframe()
    peak = frame[(frame["metric"] == "peak") & (frame["run"] == 1)]
    assert list(peak["value"]) == [138412032.0]


@pytest.mark.parametrize("kind", KINDS)
def test_charts_are_plotlys_own_figures(kind: str) -> None:
    found = heapswap.load(SAVED[kind])
    drawn = found.to_figures()
    found_on_page = re.findall(r'id="figures"[^>]*>(.*?)</script>', found.to_html(), re.DOTALL)
    page = json.loads(found_on_page[0]) if found_on_page else []
    assert len(drawn) == len(page)
    assert drawn or kind in ("conformance", "prediction")
    for figure, on_page in zip(drawn, page, strict=True):
        assert figure.layout.title.text
        assert [list(trace.x or ()) for trace in figure.data if "x" in trace] == [
            trace["x"] for trace in on_page["traces"] if "x" in trace
        ]


def test_without_plotly_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(CannotGoOn, match="figures need Plotly"):
        heapswap.load(SAVED["trial"]).to_figures()


def test_without_pandas_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(CannotGoOn, match="pip install pandas"):
        heapswap.load(SAVED["verdict"]).to_dataframe()


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CannotGoOn, match="cannot be read"):
        heapswap.load(tmp_path / "none.json")
