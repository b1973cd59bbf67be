"""What a replay predicts of each candidate: memory with the room that its fidelity leaves, and the effect on time."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from heapswap.report.charts.colours import NEUTRAL
from heapswap.report.charts.whiskers import Point, whiskers
from heapswap.report.charts.words import rows, unit_of
from heapswap.report.document.model import Chart
from heapswap.report.figures import amount, interval, known, name, percent, share
from heapswap.verdict.prediction import MEMORY, PEAK, Forecast, Prediction

AROUND = 80
"""pixels of axis, its title and margins"""
_WORTH, _NOT = ("worth a trial", 2, "circle"), ("no gain that counts", 0, "square")


def memory_chart(prediction: Prediction, metric: str, candidates: Sequence[str]) -> tuple[Chart, ...]:
    """Bytes of the baseline and of each candidate, from the top down; nothing where none are known.

    The peak has a band as wide as it is off as a rule: within it the program's own peak is to be expected.
    """
    found = {row.candidate: row for row in prediction.memory if row.metric == metric and _bytes(row) is not None}
    shown = [found[one] for one in candidates if one in found]
    if not shown:
        return ()
    start = shown[0].baseline or 0.0
    middles = [start, *(_bytes(row) or 0.0 for row in shown)]
    divisor, unit = unit_of(middles, "B")
    error = prediction.fidelity.error if metric == PEAK and 0 < prediction.fidelity.error < 1 else 0.0
    says = f"{prediction.baseline}: {amount(start, 'B')}"
    names = rows([prediction.baseline, *(row.candidate for row in shown)])
    return (
        Chart(
            title=f"Predicted {name(metric)}",
            says="Of the replay under each allocator, with 99 % intervals."
            + (f" Grey is {share(error)} either way: there the program's own is, as a rule." if error else ""),
            traces=(
                *_room(error, [middle / divisor for middle in middles]),
                whiskers(
                    prediction.baseline,
                    NEUTRAL["hue"],
                    "diamond",
                    [Point(row=0, value=start / divisor, low=None, high=None, says=says)],
                ),
                *_judged(shown, 1, lambda row, effect: (row.baseline or 0.0) * (1 + effect) / divisor),
            ),
            layout={
                "xaxis": {"title": {"text": f"memory, {unit}"}, "rangemode": "tozero"},
                "yaxis": names.axis,
                "barmode": "overlay",
            },
            height=AROUND + names.height,
        ),
    )


def time_chart(prediction: Prediction, candidates: Sequence[str]) -> tuple[Chart, ...]:
    """The effect on the program's time of each candidate, from the top down; nothing where none is known."""
    found = {row.candidate: row for row in prediction.time if known(row.effect) is not None}
    shown = [found[one] for one in candidates if one in found]
    if not shown:
        return ()
    names = rows([row.candidate for row in shown])
    return (
        Chart(
            title="Predicted effect on the program's time",
            says=f"Against {prediction.baseline}, by what its calls take, with 99 % intervals; left of zero is less.",
            traces=tuple(_judged(shown, 0, lambda _, effect: 100 * effect)),
            layout={"xaxis": {"ticksuffix": " %", "zeroline": True}, "yaxis": names.axis},
            height=AROUND + names.height,
        ),
    )


def _judged(
    shown: Sequence[Forecast], first: int, placed: Callable[[Forecast, float], float]
) -> Iterator[Mapping[str, object]]:
    """Candidates on rows from `first` on, those worth a trial apart; `placed` is where an effect lies on the axis."""
    for is_worth, (words, hue, symbol) in ((True, _WORTH), (False, _NOT)):
        points = [
            Point(
                row=at,
                value=placed(row, effect),
                low=None if (low := known(row.low)) is None else placed(row, low),
                high=None if (high := known(row.high)) is None else placed(row, high),
                says=_told(row),
            )
            for at, row in enumerate(shown, first)
            if row.is_worth_a_trial is is_worth and (effect := known(row.effect)) is not None
        ]
        if points:
            yield whiskers(words, hue, symbol, points)


def _room(error: float, middles: Sequence[float]) -> Iterator[Mapping[str, object]]:
    """How far off each is as a rule, as a bar behind its point."""
    if error:
        yield {
            "type": "bar",
            "orientation": "h",
            "name": f"within {share(error)}",
            **NEUTRAL,
            "opacity": 0.35,
            "base": [(1 - error) * middle for middle in middles],
            "x": [2 * error * middle for middle in middles],
            "y": list(range(len(middles))),
            "width": 0.5,
            "hoverinfo": "skip",
        }


def _bytes(row: Forecast) -> float | None:
    start, effect = known(row.baseline), known(row.effect)
    return None if start is None or effect is None else known(start * (1 + effect))


def _told(row: Forecast) -> str:
    limits = "no interval"
    if known(row.low) is not None or known(row.high) is not None:
        limits = interval(row.low, row.high)
    size = _bytes(row) if row.metric in MEMORY else None
    became = "" if size is None else f", {amount(row.baseline, 'B')} -> {amount(size, 'B')}"
    return f"{row.candidate}: {percent(row.effect)} ({limits}){became}"
