"""A document at the width of a terminal, for what has no face of its own there: a comparison, a verdict alone."""

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from heapswap.report.document.model import (
    Align,
    Block,
    Cell,
    Charts,
    Commands,
    Document,
    Facts,
    Findings,
    Prose,
    Table,
    Tone,
)
from heapswap.report.findings import finding_lines
from heapswap.report.lines import fold, heading, paragraph
from heapswap.report.nextstep import step_lines
from heapswap.report.terminal import Colour, render

_STYLES = {Tone.GOOD: "green", Tone.DOUBT: "yellow", Tone.BAD: "red", Tone.FAINT: "dim", Tone.PLAIN: ""}
_GAP = 2
_NARROWEST = 8
"""columns of a cell below which a table becomes a list"""


def document_text(document: Document, *, width: int, colour: Colour = Colour.NEVER) -> str:
    """The answer, then every section."""
    lines = paragraph(document.answer, width, style="bold")
    lines += [line for sentence in document.beside for line in paragraph(sentence, width)]
    for section in document.sections:
        body = [line for block in section.blocks for line in _block(block, width)]
        if body:
            lines += [*heading(section.title), *body]
    return render(lines, colour)


def _block(block: Block, width: int) -> Iterable[Text]:
    match block:
        case Prose():
            return paragraph(block.text, width, first="  ", style=_STYLES[block.tone])
        case Table():
            return _table(block, width)
        case Facts():
            return [line for name, value in block.pairs for line in paragraph(f"{name}: {value}", width, first="  ")]
        case Findings():
            return finding_lines(block.findings, width)
        case Commands():
            return step_lines(block.steps, width)
        case Charts():
            return ()


def _table(table: Table, width: int) -> Iterator[Text]:
    widths = _widths(table, width - 2)
    if widths is None:
        yield from _list(table, width)
        return
    yield from _row([Cell(text=column.title) for column in table.columns], table, widths, bold=True)
    for row in table.rows:
        yield from _row(row, table, widths, bold=False)


def _widths(table: Table, room: int) -> list[int] | None:
    """Columns as wide as their content, first titles folded and then the widest narrowed until all fit; None where they
    cannot.
    """
    titles = [column.title for column in table.columns]
    spare = room - _GAP * (len(titles) - 1)
    widths = _longest(table, titles)
    if sum(widths) > spare:
        widths = _longest(table, [max(title.split(), key=cell_len, default="") for title in titles])
    while sum(widths) > spare:
        widest = max(range(len(widths)), key=widths.__getitem__)
        others = max((w for at, w in enumerate(widths) if at != widest), default=_NARROWEST)
        widths[widest] = max(min(others, widths[widest] - 1), widths[widest] - (sum(widths) - spare))
        if max(widths) <= _NARROWEST:
            return None
    return widths


def _longest(table: Table, titles: Sequence[str]) -> list[int]:
    rows = [titles, *([cell.line for cell in row] for row in table.rows)]
    return [max(cell_len(fold(text, 10_000)[0]) for text in column) for column in zip(*rows, strict=True)]


def _row(row: Sequence[Cell], table: Table, widths: Sequence[int], *, bold: bool) -> Iterator[Text]:
    folded = [fold(cell.line, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, folded))):
        line = Text("  ")
        for place, (cell, lines, width) in enumerate(zip(row, folded, widths, strict=True)):
            words = lines[number] if number < len(lines) else ""
            blanks = " " * (width - cell_len(words))
            is_right = table.columns[place].align is Align.RIGHT
            line.append(" " * _GAP if place else "")
            line.append(blanks if is_right else "")
            line.append(words, style="bold" if bold else _STYLES[cell.tone])
            line.append("" if is_right else blanks)
        line.rstrip()
        yield line


def _list(table: Table, width: int) -> Iterator[Text]:
    for row in table.rows:
        first, *others = zip(table.columns, row, strict=True)
        told = "; ".join(f"{column.title} {cell.line}" for column, cell in others if cell.line)
        yield from paragraph(f"{first[1].line}: {told}", width, first="  ", rest="    ")
