"""Points on rows of names, each with its interval as a whisker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heapswap.report.charts.words import plain
from heapswap.report.figures import known


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value on its row, in the unit of the axis."""

    row: int
    value: float
    low: float | None
    high: float | None
    says: str


def whiskers(name: str, hue: int, symbol: str, points: Sequence[Point]) -> Mapping[str, object]:
    """The points that one row of the legend stands for; one of which an end is not known has no whisker there."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": plain(name),
        "hue": hue,
        "x": [point.value for point in points],
        "y": [point.row for point in points],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [_beyond(point.high, point.value) for point in points],
            "arrayminus": [_beyond(point.value, point.low) for point in points],
            "thickness": 2,
            "width": 5,
        },
        "marker": {"size": 10, "symbol": symbol},
        "text": [plain(point.says) for point in points],
        "hoverinfo": "text",
    }


def _beyond(upper: float | None, lower: float | None) -> float:
    """What lies between two ends; 0 where one is not known."""
    above, below = known(upper), known(lower)
    return 0.0 if above is None or below is None else max(0.0, above - below)
