"""What a replay predicts, drawn: bytes and effects are the forecasts', and the band is the fidelity that was saved."""

from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap import artifact
from heapswap.report.charts.colours import HUES
from heapswap.report.charts.forecasts import memory_chart, time_chart
from heapswap.report.charts.memory import replay_memory
from heapswap.report.document.make import document
from heapswap.report.document.model import Chart, charts_of
from heapswap.report.document.prediction import prediction_document
from heapswap.trials.model import Outcome, Sample, Trial
from heapswap.verdict.prediction import Forecast, Prediction
from tests.report import strategies
from tests.report.artifacts import HOSTILE, saved

MIB = 1024 * 1024
ORDER = ("jemalloc", "mimalloc")

forecasts = st.builds(
    Forecast,
    candidate=strategies.spellings,
    metric=st.sampled_from(["heap_peak", "heap_mean", "heap_end", "time"]),
    effect=strategies.ratios,
    low=strategies.ratios,
    high=strategies.ratios,
    baseline=strategies.values,
    is_worth_a_trial=st.booleans(),
)


def prediction() -> Prediction:
    found = saved("prediction")
    assert isinstance(found, Prediction)
    return found


def traces(chart: Chart) -> dict[str, Any]:
    return {str(trace["name"]): trace for trace in chart.traces}


def test_the_peak_is_bytes_with_the_room_of_its_fidelity() -> None:
    (chart,) = memory_chart(prediction(), "heap_peak", ORDER)
    found = traces(chart)
    assert found["current"]["x"] == [100.0]
    assert (found["worth a trial"]["x"], found["worth a trial"]["y"]) == ([pytest.approx(70.0)], [1])
    assert (found["no gain that counts"]["x"], found["no gain that counts"]["y"]) == ([pytest.approx(120.0)], [2])
    ends = found["worth a trial"]["error_x"]
    assert (ends["arrayminus"], ends["array"]) == ([pytest.approx(1.0)], [pytest.approx(1.0)])
    room = found["within 10 %"]
    assert room["base"] == pytest.approx([90.0, 63.0, 108.0])
    assert room["x"] == pytest.approx([20.0, 14.0, 24.0])
    assert "10 % either way" in chart.says


def test_only_the_peak_has_a_fidelity() -> None:
    (chart,) = memory_chart(prediction(), "heap_end", ORDER)
    assert list(traces(chart)) == ["current", "worth a trial"]
    assert "either way" not in chart.says


@pytest.mark.parametrize("error", [0.0, -0.1, 1.0, inf, nan])
def test_a_fidelity_that_is_none_is_not_drawn(error: float) -> None:
    odd = replace(prediction(), fidelity=replace(prediction().fidelity, error=error))
    (chart,) = memory_chart(odd, "heap_peak", ORDER)
    assert list(traces(chart)) == ["current", "worth a trial", "no gain that counts"]


def test_time_is_an_effect_with_its_interval() -> None:
    (chart,) = time_chart(prediction(), ORDER)
    (trace,) = traces(chart).values()
    assert (trace["x"], trace["y"]) == ([pytest.approx(-1.5)], [0])
    assert time_chart(replace(prediction(), time=()), ORDER) == ()


@given(st.lists(forecasts, max_size=8))
@settings(max_examples=60)
def test_whatever_was_saved_can_be_drawn(rows: list[Forecast]) -> None:
    memory, time = ([one for one in rows if (one.metric == "time") is is_time] for is_time in (False, True))
    found = prediction_document(replace(prediction(), memory=tuple(memory), time=tuple(time)))
    for chart in charts_of(found):
        for trace in chart.traces:
            points: Any = trace["x"]
            assert all(abs(value) < inf for value in points)
            assert trace.get("hoverinfo") == "skip" or len(points) == len(trace["text"])  # type: ignore[arg-type]


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_words_are_text(word: str) -> None:
    memory, time = (
        tuple(replace(row, candidate=word) for row in rows) for rows in (prediction().memory, prediction().time)
    )
    hostile = replace(prediction(), candidate=word, baseline=word, memory=memory, time=time)
    charts = charts_of(prediction_document(hostile))
    assert charts
    for chart in charts:
        axis: Any = chart.layout["yaxis"]
        shown = [*axis["ticktext"], *(str(trace["name"]) for trace in chart.traces)]
        shown += [text for trace in chart.traces for text in trace.get("text", ())]  # type: ignore[attr-defined]
        for text in shown:
            assert "<" not in text.replace("<br>", "")
            assert text.isprintable()
            assert len(text) < 2_000


def replayed(*candidates: str) -> Trial:
    """A trial whose runs of the baseline, and of the last candidate, were watched."""
    trial = saved("trial")
    assert isinstance(trial, Trial)
    line = tuple(Sample(at=0.1 * at, resident=at * MIB, cpu=0.0, processes=1) for at in range(5))
    run = next(one for one in trial.runs if one.outcome is Outcome.COMPLETED)
    runs = tuple(
        replace(run, timeline=line, slot=replace(run.slot, candidate=one)) for one in ("current", candidates[-1])
    )
    return replace(trial, runs=runs, design=replace(trial.design, candidates=candidates))


@pytest.mark.parametrize(("evidence", "titles"), [("", []), ("its own", ["Memory over time of the replay"])])
def test_memory_over_time_is_of_the_trial_it_rests_on(tmp_path: Path, evidence: str, titles: list[str]) -> None:
    trial = replayed("mimalloc")
    (tmp_path / "trial.json").write_bytes(artifact.encode(trial))
    told = replace(prediction(), memory=(), time=(), evidence=artifact.digest(trial) if evidence else "")
    assert [chart.title for chart in charts_of(document(told, tmp_path))] == titles


def test_a_colour_that_comes_again_is_dashed() -> None:
    many = tuple(f"c{number}" for number in range(HUES))
    (chart,) = replay_memory(replayed(*many))
    lines = {str(trace["name"]): trace["line"] for trace in chart.traces if trace.get("hoverinfo") == "text"}
    assert lines == {"current": {"dash": "solid"}, many[-1]: {"dash": "dot"}}
