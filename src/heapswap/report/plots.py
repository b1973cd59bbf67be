"""Small plots in one line of text each."""

from collections.abc import Sequence
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"
BLOCKS = " ▏▎▍▌▋▊▉█"


def course(values: Sequence[float], width: int, top: float) -> str:
    """Values over equal steps as `width` bars below `top`; a step of several values shows their largest."""
    if not values or width < 1 or top <= 0:
        return ""
    columns = min(width, len(values))
    bounds = [len(values) * column // columns for column in range(columns + 1)]
    steps = [values[start:end] for start, end in pairwise(bounds)]
    return "".join(_bar(max(step) / top) for step in steps)


def bar(fraction: float, width: int) -> str:
    """A bar of `width` cells, filled to `fraction`, to an eighth of a cell; without trailing blanks."""
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    whole, part = divmod(eighths, 8)
    return (BLOCKS[8] * whole + BLOCKS[part]).rstrip()


def _bar(fraction: float) -> str:
    return BARS[min(int(min(max(fraction, 0.0), 1.0) * len(BARS)), len(BARS) - 1)]
