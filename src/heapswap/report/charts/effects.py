"""What each candidate changes: a figure a metric, the interval as a whisker, the noise floor as a band."""

from collections.abc import Mapping, Sequence

from heapswap.report.charts.whiskers import Point, whiskers
from heapswap.report.charts.words import rows
from heapswap.report.document.model import Chart
from heapswap.report.figures import interval, known, name, percent, share
from heapswap.report.tables import metrics_shown
from heapswap.verdict.model import Comparison, Effect, Verdict

AROUND = 60
"""pixels of axis and margins"""
BAND = "rgba(128,128,128,0.22)"
_HUES = {Comparison.BETTER: 2, Comparison.NOT_BETTER: 0, Comparison.UNKNOWN: 7}
_SIGNS = {Comparison.BETTER: "circle", Comparison.NOT_BETTER: "square", Comparison.UNKNOWN: "circle-open"}
_SAID = {
    Comparison.BETTER: "better beyond doubt",
    Comparison.NOT_BETTER: "no gain that counts",
    Comparison.UNKNOWN: "open",
}


def effect_charts(verdict: Verdict, order: Sequence[str], noise: Mapping[str, float]) -> tuple[Chart, ...]:
    """One figure for each metric that says anything, the one that decides first.

    Args:
        order: the candidates, the best first.
        noise: of each metric, where it is known, how far two runs of the baseline typically are apart, as a fraction.
    """
    found = (
        _chart(verdict, order, metric, noise.get(metric))
        for metric in metrics_shown(verdict.comparisons, verdict.primary)
    )
    return tuple(chart for chart in found if chart is not None)


def _chart(verdict: Verdict, order: Sequence[str], metric: str, noise: float | None) -> Chart | None:
    found = {row.candidate: row for row in verdict.comparisons if row.metric == metric}
    shown = [found[one] for one in order if one in found and known(found[one].effect) is not None]
    if not shown:
        return None
    names = rows([row.candidate for row in shown])
    decides = ", decides" if metric == verdict.primary else ""
    floor = f" The grey band is the noise floor, {share(noise)} either way." if noise else ""
    return Chart(
        title=f"Effect on {name(metric)}{decides}",
        says=f"Against {verdict.baseline}, with 99 % intervals; left of zero is less.{floor}",
        traces=tuple(_trace(verdict, shown, said) for said in Comparison if any(r.verdict is said for r in shown)),
        layout={
            "xaxis": {"ticksuffix": " %", "zeroline": True},
            "yaxis": names.axis,
            "shapes": [_band(noise)] if noise else [],
        },
        height=AROUND + names.height,
    )


def _trace(verdict: Verdict, shown: Sequence[Effect], said: Comparison) -> Mapping[str, object]:
    places = [at for at, row in enumerate(shown) if row.verdict is said]
    points = [
        Point(
            row=at,
            value=100 * (shown[at].effect or 0.0),
            low=_points(shown[at].low),
            high=_points(shown[at].high),
            says=_told(shown[at], verdict),
        )
        for at in places
    ]
    return whiskers(_SAID[said], _HUES[said], _SIGNS[said], points)


def _points(effect: float | None) -> float | None:
    return None if (value := known(effect)) is None else 100 * value


def _told(row: Effect, verdict: Verdict) -> str:
    limits = "too few runs for an interval"
    if known(row.low) is not None or known(row.high) is not None:
        limits = interval(row.low, row.high)
    return f"{row.candidate}: {percent(row.effect)} against {verdict.baseline} ({limits}), {row.runs} runs"


def _band(noise: float) -> Mapping[str, object]:
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": -100 * noise,
        "x1": 100 * noise,
        "y0": 0,
        "y1": 1,
        "fillcolor": BAND,
        "line": {"width": 0},
        "layer": "below",
    }
