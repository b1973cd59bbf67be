"""Words and units as Plotly shows them: it reads a little HTML in every text, so what is the user's is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heapswap.report.figures import known
from heapswap.report.lines import fold, printable

LONGEST = 54
"""characters of a label; a longer one loses its middle"""
LINE = 20
"""characters of one line of a label"""
_ROW, _LINE = 34, 17
"""pixels of a row, and of a line of its label"""
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")


def shortened(text: str, most: int = LONGEST) -> str:
    """The text, its middle left out where it is longer than `most` characters; control characters as escapes."""
    whole = printable(text)
    if len(whole) <= most:
        return whole
    tail = most // 3
    return f"{whole[: most - tail - 1]}…{whole[-tail:]}"


def plain(text: str) -> str:
    """The text so that Plotly shows it as it is."""
    return shortened(text, 400).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def label(text: str) -> str:
    """A name beside an axis, on a few short lines."""
    return "<br>".join(plain(line) for line in fold(shortened(text), LINE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """An axis of names, from the top down. A name stands at its number, so that two that look alike stay two."""

    axis: Mapping[str, object]
    height: int
    """pixels of all rows"""


def rows(names: Sequence[str]) -> Rows:
    """Rows as high as the longest label needs."""
    labels = [label(name) for name in names]
    lines = max((one.count("<br>") + 1 for one in labels), default=1)
    return Rows(
        axis={
            "tickmode": "array",
            "tickvals": list(range(len(labels))),
            "ticktext": labels,
            "range": [len(labels) - 0.5, -0.5],
            "fixedrange": True,
            "zeroline": False,
        },
        height=max(_ROW, lines * _LINE + 6) * len(labels),
    )


def unit_of(values: Iterable[float | None], unit: str) -> tuple[float, str]:
    """What values are divided by, and the unit they are then in: bytes and seconds get one that suits the largest."""
    top = max((abs(value) for value in map(known, values) if value is not None), default=0.0)
    if unit == "B":
        power = next((power for power in range(len(_BYTES)) if top < 1024.0 ** (power + 1)), len(_BYTES) - 1)
        return 1024.0**power, _BYTES[power]
    if unit == "s":
        return (0.001, "ms") if top < 1 else (1.0, "s")
    return 1.0, "" if unit == "1" else unit


def axis(metric: str, unit: str) -> str:
    """The title of an axis."""
    return plain(f"{metric}, {unit}" if unit else metric)
