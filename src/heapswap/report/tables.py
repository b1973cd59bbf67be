"""The table of a trial: a row a candidate, a column a metric, the interval below each effect."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from heapswap.report.figures import UNKNOWN, amount, known, percent, rounded_span, span, title
from heapswap.report.lines import fold, pieces, printable
from heapswap.verdict.model import Comparison, Effect
from heapswap.workload import Direction, Metric

_USUAL = ("wall", "cpu", "peak", "idle", "mean")
"""columns by how much they matter: the last gives way first"""
_SHOWN = ("wall", "cpu", "peak", "mean", "idle")
"""the order they stand in"""
_GAP = "  "
_LABEL = 16
"""least width of the candidate's column"""
_CELL = 16
"""width from which a heading or a baseline's value is folded"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of lines, and the metrics that found no room."""

    lines: tuple[Text, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How one effect is written in a cell."""

    effect: Callable[[Effect], str]
    interval: Callable[[float | None, float | None], str]


def _with_value(row: Effect) -> str:
    baseline, effect = known(row.baseline), known(row.effect)
    if baseline is None or effect is None:
        return percent(row.effect)
    return f"{amount(baseline * (1 + effect), row.unit)} {percent(effect):>8}"


_ROOMY = _Form(effect=_with_value, interval=span)
_NARROW = _Form(effect=lambda row: percent(row.effect), interval=rounded_span)


def metrics_shown(comparisons: Iterable[Effect], primary: str) -> tuple[str, ...]:
    """Metrics that say anything, by how much they matter: the primary, the usual ones, the user's own."""
    said = [row.metric for row in comparisons if row.effect is not None or row.baseline is not None]
    order = dict.fromkeys((primary, *_USUAL[:3], *(m for m in said if m not in _USUAL), *_USUAL[3:]))
    return tuple(metric for metric in order if metric in said)


def ranked(comparisons: Sequence[Effect], primary: str, adopted: str | None, metrics: Sequence[Metric]) -> list[str]:
    """Candidates, the best first: adopted, then those with an interval on the primary, then screened only."""
    sign = -1 if direction(primary, metrics) is Direction.MORE else 1
    rows = {row.candidate: row for row in comparisons if row.metric == primary}

    def place(candidate: str) -> tuple[bool, bool, bool, float]:
        row = rows.get(candidate)
        effect = known(row.effect) if row else None
        tested = row is not None and known(row.low) is not None and known(row.high) is not None
        return candidate != adopted, not tested, effect is None, sign * (effect or 0.0)

    return sorted(dict.fromkeys(row.candidate for row in comparisons), key=place)


def direction(metric: str, metrics: Sequence[Metric]) -> Direction:
    """Which way a metric is better: less, for everything but the user's own that say otherwise."""
    return next((own.direction for own in metrics if own.name == metric), Direction.LESS)


def comparison_table(
    comparisons: Sequence[Effect], *, baseline: str, primary: str, order: Sequence[str], width: int
) -> Table:
    """The widest form that fits: with values, without, then with fewer metrics."""
    metrics = metrics_shown(comparisons, primary)
    for form, kept in [(_ROOMY, len(metrics)), *((_NARROW, number) for number in range(len(metrics), 0, -1))]:
        shown = _arranged(metrics[:kept], primary)
        head = [_Cell(tuple(fold("*" * (metric == primary) + title(metric), _CELL)), "bold") for metric in shown]
        rows = [_baseline_row(baseline, comparisons, shown)]
        rows += [_candidate_row(candidate, comparisons, shown, form) for candidate in order]
        widths = [max(cell.width for cell in column) for column in zip(head, *(row.cells for row in rows), strict=True)]
        room = width - sum(widths) - len(_GAP) * len(widths)
        if room >= _LABEL or kept == 1:
            label = max(1, min(room, max(cell_len(row.label) for row in rows)))
            lines = [
                *_aligned((), head, label, widths),
                *(line for r in rows for line in _row(r, label, widths, width)),
            ]
            return Table(lines=tuple(lines), left_out=metrics[kept:])
    return Table(lines=(), left_out=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A candidate (or the baseline), how often it was run, and its cell for each metric."""

    spelling: str
    runs: str
    cells: tuple["_Cell", ...]

    @property
    def label(self) -> str:
        return f"{self.spelling} {self.runs}".rstrip()


@dataclass(frozen=True, slots=True)
class _Cell:
    """Lines of one cell, and the style of the first; the others are dim."""

    lines: tuple[str, ...]
    style: str = ""

    @property
    def width(self) -> int:
        return max(map(cell_len, self.lines))


def _baseline_row(baseline: str, comparisons: Sequence[Effect], metrics: Sequence[str]) -> _Row:
    cells = []
    for metric in metrics:
        rows = (row for row in comparisons if row.metric == metric and known(row.baseline) is not None)
        row = next(rows, None)
        cells.append(_Cell(tuple(fold(amount(row.baseline, row.unit), _CELL)) if row else (UNKNOWN,)))
    return _Row(spelling=printable(baseline), runs="", cells=tuple(cells))


def _candidate_row(candidate: str, comparisons: Sequence[Effect], metrics: Sequence[str], form: _Form) -> _Row:
    rows = {row.metric: row for row in comparisons if row.candidate == candidate}
    runs = max((row.runs for row in rows.values()), default=0)
    cells = tuple(_cell(rows[metric], form) if metric in rows else _Cell((UNKNOWN,)) for metric in metrics)
    return _Row(spelling=printable(candidate), runs=f"({runs})", cells=cells)


def _cell(row: Effect, form: _Form) -> _Cell:
    below = form.interval(row.low, row.high)
    style = "green" if row.verdict is Comparison.BETTER else ""
    return _Cell((form.effect(row), below) if below else (form.effect(row),), style)


def _arranged(metrics: Sequence[str], primary: str) -> list[str]:
    """The primary first, then times before memory, the user's own between."""
    own = [metric for metric in metrics if metric not in _SHOWN]
    places = [primary, *_SHOWN[:2], *own, *_SHOWN[2:]]
    return [metric for metric in dict.fromkeys(places) if metric in metrics]


def _row(row: _Row, label: int, widths: Sequence[int], width: int) -> Iterable[Text]:
    if cell_len(row.label) <= label:
        named = [row.label]
    elif cell_len(row.spelling) <= label:
        named = [row.spelling, f"  {row.runs}"]
    else:  # in the column it would be torn into pieces: let it have lines of its own
        first, *others = pieces(row.label, width - 2)
        yield from (Text(first), *(Text(f"  {other}") for other in others))
        named = []
    yield from _aligned(named, row.cells, label, widths)


def _aligned(label: Sequence[str], cells: Sequence[_Cell], room: int, widths: Sequence[int]) -> Iterable[Text]:
    """One line for each line of the tallest cell: the label to the left, everything else to the right."""
    for number in range(max(len(label), *(len(cell.lines) for cell in cells))):
        line = Text(_left(label[number] if number < len(label) else "", room))
        for cell, width in zip(cells, widths, strict=True):
            text = cell.lines[number] if number < len(cell.lines) else ""
            line.append(_GAP + _right(text, width), style="dim" if number and cell.style != "bold" else cell.style)
        line.rstrip()
        yield line


def _left(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text
