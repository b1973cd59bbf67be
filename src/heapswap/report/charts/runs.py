"""Every run in the order in which it was made, so that drift is seen: a figure a metric."""

from collections.abc import Iterator, Mapping, Sequence

from heapswap.report.charts.words import axis, plain, unit_of
from heapswap.report.document.model import Chart
from heapswap.report.figures import amount, name
from heapswap.trials.model import Measurement, Outcome, Run, Stage, Trial

HEIGHT = 330
_SIGNS = {
    Stage.WARM_UP: "diamond-open",
    Stage.SCREENING: "circle-open",
    Stage.CONFIRMING: "circle",
    Stage.PROVING: "square",
}


def run_charts(trial: Trial, metrics: Sequence[str]) -> tuple[Chart, ...]:
    """One figure for each metric that a run has."""
    return tuple(chart for metric in metrics if (chart := _chart(trial, metric)) is not None)


def _chart(trial: Trial, metric: str) -> Chart | None:
    found = list(_values(trial.runs, metric))
    if not found:
        return None
    divisor, unit = unit_of((row.value for _, _, row in found), found[0][2].unit)
    names = dict.fromkeys((trial.design.baseline, *trial.design.candidates))
    traces = []
    for hue, candidate in enumerate(names):
        mine = [(number, run, row) for number, run, row in found if run.slot.candidate == candidate]
        if mine:
            traces.append(_trace(candidate, hue, mine, divisor))
    return Chart(
        title=f"{name(metric)[:1].upper()}{name(metric)[1:]} of every run, in order",
        says="One mark a run. Hollow: warm-up or screening; a slope of all marks is drift of the machine.",
        traces=tuple(traces),
        layout={
            "xaxis": {"title": {"text": "run"}},
            "yaxis": {"title": {"text": axis(name(metric), unit)}, "rangemode": "tozero"},
        },
        height=HEIGHT,
    )


def _values(runs: Sequence[Run], metric: str) -> Iterator[tuple[int, Run, Measurement]]:
    for number, run in enumerate(runs, 1):
        for row in run.measurements:
            if row.metric == metric and row.phase == "whole":
                yield number, run, row
                break


def _trace(
    candidate: str, hue: int, mine: Sequence[tuple[int, Run, Measurement]], divisor: float
) -> Mapping[str, object]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": plain(candidate),
        "hue": hue,
        "x": [number for number, _, _ in mine],
        "y": [float(f"{row.value / divisor:.6g}") for _, _, row in mine],
        "marker": {"size": 7, "symbol": [_sign(run) for _, run, _ in mine]},
        "text": [plain(_told(number, run, row)) for number, run, row in mine],
        "hoverinfo": "text",
    }


def _sign(run: Run) -> str:
    return _SIGNS[run.slot.stage] if run.outcome is Outcome.COMPLETED else "x"


def _told(number: int, run: Run, row: Measurement) -> str:
    ended = "" if run.outcome is Outcome.COMPLETED else f", {run.outcome}"
    slot = run.slot
    return f"run {number}, {slot.stage}, block {slot.block}: {slot.candidate} {amount(row.value, row.unit)}{ended}"
