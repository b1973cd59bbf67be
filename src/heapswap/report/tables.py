"""The table of a trial: a row a candidate, a column a metric, the interval below each effect."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from heapswap.report.figures import UNKNOWN, amount, known, percent, rounded_span, span, title
from heapswap.report.lines import fold, pieces, printable
from heapswap.verdict.model import Comparison, Effect, GuardState, Verdict
from heapswap.workload import Direction, Metric

_USUAL = ("wall", "cpu", "peak", "idle", "mean")
"""columns by how much they matter: the last gives way first"""
_HEAP = ("heap_peak", "heap_mean", "heap_end", "heap_cpu", "allocate_p50", "free_p50")
"""of a replay, before all others: its process is the player's, its heap the program's"""
_SHOWN = ("wall", "cpu", "peak", "mean", "idle")
"""the order they stand in"""
_LABEL = 16
"""least width of the candidate's column"""
_LONG = 30
"""a longer spelling gets a line of its own, so that figures stay near the short ones"""
_CELL = 16
"""width from which a heading or a baseline's value is folded"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of lines, and the metrics that found no room."""

    lines: tuple[Text, ...]
    left_out: tuple[str, ...]


def metrics_shown(comparisons: Iterable[Effect], primary: str) -> tuple[str, ...]:
    """Metrics that say anything, by how much they matter: the primary, the usual ones, the user's own."""
    said = [row.metric for row in comparisons if known(row.effect) is not None or known(row.baseline) is not None]
    order = dict.fromkeys((primary, *_HEAP, *_USUAL[:3], *(m for m in said if m not in _USUAL), *_USUAL[3:]))
    return tuple(metric for metric in order if metric in said)


def ranked(verdict: Verdict, metrics: Sequence[Metric]) -> list[str]:
    """Candidates, the best first: adopted, compared with an interval on the primary, screened only; within each, those
    whose guards are inside their limits as estimated come before those in doubt, and these before those that break one.
    """
    more = any(own.name == verdict.primary and own.direction is Direction.MORE for own in metrics)
    rows = {row.candidate: row for row in verdict.comparisons if row.metric == verdict.primary}
    breakers, doubtful = guard_breakers(verdict), guards_in_doubt(verdict)

    def place(candidate: str) -> tuple[bool, bool, bool, bool, bool, float]:
        row = rows.get(candidate)
        effect = known(row.effect) if row else None
        untested = row is None or known(row.low) is None or known(row.high) is None
        worth = -(effect or 0.0) if more else effect or 0.0
        in_doubt = candidate in breakers, candidate in doubtful
        return candidate != verdict.candidate, untested, *in_doubt, effect is None, worth

    return sorted(dict.fromkeys(row.candidate for row in verdict.comparisons), key=place)


def guard_breakers(verdict: Verdict) -> frozenset[str]:
    """Candidates that break a guard."""
    return frozenset(check.candidate for check in verdict.guards if check.state is GuardState.BROKEN)


def guards_in_doubt(verdict: Verdict) -> frozenset[str]:
    """Candidates with a guard that is outside its limit as estimated, though not beyond doubt."""
    return frozenset(
        check.candidate
        for check in verdict.guards
        if check.state is GuardState.OPEN and check.effect is not None and check.effect > check.limit
    )


def comparison_table(verdict: Verdict, order: Sequence[str], width: int) -> Table:
    """The fullest form that fits: with values, without, with rounded intervals, then with fewer metrics."""
    metrics = metrics_shown(verdict.comparisons, verdict.primary)
    full = [(_WITH_VALUES, len(metrics)), (_PLAIN, len(metrics))]
    for form, kept in [*full, *((_NARROW, number) for number in range(len(metrics), 0, -1))]:
        shown = _arranged(metrics[:kept], verdict.primary)
        head = [_Cell(tuple(fold("*" * (m == verdict.primary) + title(m), _CELL)), "bold") for m in shown]
        rows = [_baseline_row(verdict, shown), *(_candidate_row(verdict, name, shown, form) for name in order)]
        columns = zip(head, *(row.cells for row in rows), strict=True)
        widths = [form.gap + max(cell.width for cell in column) for column in columns]
        room = width - sum(widths)
        if room >= _LABEL or (form is _NARROW and kept == 1):
            labels = [length for row in rows if (length := cell_len(row.label)) <= _LONG]
            label = max(1, min(room, max(labels, default=_LABEL)))
            body = [line for row in rows for line in _row(row, label, widths, width)]
            return Table(lines=(*_aligned((), head, label, widths), *body), left_out=metrics[kept:])
    return Table(lines=(), left_out=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How one effect is written in a cell, and how far apart columns stand."""

    effect: Callable[[Effect], str]
    interval: Callable[[float | None, float | None], str]
    gap: int


def _alone(row: Effect) -> str:
    return percent(row.effect)


def _with_value(row: Effect) -> str:
    baseline, effect = known(row.baseline), known(row.effect)
    if baseline is None or effect is None:
        return percent(row.effect)
    return f"{amount(baseline * (1 + effect), row.unit)} {percent(effect):>7}"


_WITH_VALUES = _Form(effect=_with_value, interval=span, gap=3)
_PLAIN = _Form(effect=_alone, interval=span, gap=2)
_NARROW = _Form(effect=_alone, interval=rounded_span, gap=2)


@dataclass(frozen=True, slots=True)
class _Cell:
    """Lines of one cell, and the style of the first."""

    lines: tuple[str, ...]
    style: str = ""

    @property
    def width(self) -> int:
        return max(map(cell_len, self.lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A candidate (or the baseline), how often it was run, and its cell for each metric."""

    spelling: str
    runs: str
    cells: tuple[_Cell, ...]
    style: str = ""

    @property
    def label(self) -> str:
        return f"{self.spelling} {self.runs}".rstrip()


def _arranged(metrics: Sequence[str], primary: str) -> list[str]:
    """The primary first, then times before memory, the user's own between."""
    own = [metric for metric in metrics if metric not in _SHOWN]
    places = [primary, *_SHOWN[:2], *own, *_SHOWN[2:]]
    return [metric for metric in dict.fromkeys(places) if metric in metrics]


def _baseline_row(verdict: Verdict, metrics: Sequence[str]) -> _Row:
    known_rows = {row.metric: row for row in verdict.comparisons if known(row.baseline) is not None}
    values = [amount(row.baseline, row.unit) if (row := known_rows.get(m)) else UNKNOWN for m in metrics]
    return _Row(
        spelling=printable(verdict.baseline), runs="", cells=tuple(_Cell(tuple(fold(v, _CELL))) for v in values)
    )


def _candidate_row(verdict: Verdict, candidate: str, metrics: Sequence[str], form: _Form) -> _Row:
    rows = {row.metric: row for row in verdict.comparisons if row.candidate == candidate}
    runs = max((row.runs for row in rows.values()), default=0)
    broken = candidate in guard_breakers(verdict)
    style = "red" if broken else "bold" if candidate == verdict.candidate else ""
    cells = tuple(_cell(rows[metric], form) if metric in rows else _Cell((UNKNOWN,)) for metric in metrics)
    return _Row(spelling=printable(candidate), runs=f"({runs}){' !' * broken}", cells=cells, style=style)


def _cell(row: Effect, form: _Form) -> _Cell:
    below = form.interval(row.low, row.high)
    style = "green" if row.verdict is Comparison.BETTER else ""
    return _Cell((form.effect(row), below) if below else (form.effect(row),), style)


def _row(row: _Row, label: int, widths: Sequence[int], width: int) -> Iterable[Text]:
    if cell_len(row.label) <= label:
        named = [row.label]
    elif cell_len(row.spelling) <= label and row.runs:
        named = [row.spelling, f"  {row.runs}"]
    else:  # in its column it would be torn into pieces
        first, *others = (piece.rstrip(" ") for piece in pieces(row.label, width - 2))
        yield from (Text(first, style=row.style), *(Text(f"  {other}", style=row.style) for other in others))
        named = []
    for number, line in enumerate(_aligned(named, row.cells, label, widths)):
        if number < len(named):
            line.stylize(row.style, 0, len(named[number]))
        yield line


def _aligned(label: Sequence[str], cells: Sequence[_Cell], room: int, widths: Sequence[int]) -> Iterable[Text]:
    """One line for each line of the tallest cell: the label to the left, figures to the right."""
    for number in range(max([len(label), *(len(cell.lines) for cell in cells)])):
        name = label[number] if number < len(label) else ""
        line = Text(name + " " * (room - cell_len(name)))
        for cell, width in zip(cells, widths, strict=True):
            text = cell.lines[number] if number < len(cell.lines) else ""
            line.append(" " * (width - cell_len(text)))
            line.append(text, style="dim" if number and cell.style != "bold" else cell.style)
        line.rstrip()
        yield line
