"""A service under load: throughput and latency against concurrency, a line a candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heapswap.report.charts.words import plain
from heapswap.report.document.model import Chart
from heapswap.report.figures import amount
from heapswap.trials.model import Outcome, Step, Trial

HEIGHT = 360


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metric:
    """What is drawn of each step."""

    name: str
    title: str
    axis: str
    unit: str
    """in which values are told"""
    divisor: float = 1.0
    """from there to the axis"""


METRICS = (
    _Metric(name="throughput", title="Throughput", axis="operations a second", unit="1/s"),
    _Metric(name="latency_p50", title="Median latency", axis="ms", unit="ms"),
    _Metric(name="latency_p99", title="Latency of the slowest in a hundred", axis="ms", unit="ms"),
    _Metric(name="resident", title="Memory under load", axis="MiB", unit="B", divisor=1024.0**2),
)


def step_charts(trial: Trial) -> tuple[Chart, ...]:
    """One figure a metric; nothing for a program that is no service."""
    candidates = tuple(dict.fromkeys((trial.design.baseline, *trial.design.candidates)))
    return tuple(chart for metric in METRICS if (chart := _chart(trial, candidates, metric)) is not None)


def _chart(trial: Trial, candidates: Sequence[str], metric: _Metric) -> Chart | None:
    traces = [
        trace for hue, candidate in enumerate(candidates) if (trace := _line(trial, candidate, hue, metric)) is not None
    ]
    if not traces:
        return None
    paced = any(step.rate is not None for run in trial.runs for step in run.steps)
    load = "operations a second asked for" if paced else "clients at once"
    return Chart(
        title=f"{metric.title} against load",
        says="At each step of the ramp the median of each candidate's runs; whiskers hold all of them.",
        traces=tuple(traces),
        layout={
            "xaxis": {"title": {"text": load}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": metric.axis}, "rangemode": "tozero"},
        },
        height=HEIGHT,
    )


def _line(trial: Trial, candidate: str, hue: int, metric: _Metric) -> Mapping[str, object] | None:
    steps = [
        step
        for run in trial.runs
        if run.slot.candidate == candidate and run.outcome is Outcome.COMPLETED
        for step in run.steps
    ]
    levels = sorted({_load(step) for step in steps if _value(step, metric.name) is not None})
    if not levels:
        return None
    values = [
        [value for step in steps if _load(step) == at and (value := _value(step, metric.name)) is not None]
        for at in levels
    ]
    middles = [float(np.median(row)) for row in values]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": plain(candidate),
        "hue": hue,
        "x": levels,
        "y": [middle / metric.divisor for middle in middles],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [(max(row) - middle) / metric.divisor for row, middle in zip(values, middles, strict=True)],
            "arrayminus": [(middle - min(row)) / metric.divisor for row, middle in zip(values, middles, strict=True)],
            "thickness": 1,
            "width": 4,
        },
        "marker": {"size": 8},
        "text": [
            plain(f"{candidate} at {at:g}: {amount(middle, metric.unit)}")
            for at, middle in zip(levels, middles, strict=True)
        ],
        "hoverinfo": "text",
    }


def _load(step: Step) -> float:
    return float(step.concurrency) if step.rate is None else step.rate


def _value(step: Step, metric: str) -> float | None:
    return float(step.resident) if metric == "resident" else step.value(metric)
