"""A document as Markdown (GitHub's), for a pull request or a job's summary: what came from outside shows as text."""

import re
from collections.abc import Iterable, Iterator

from heapswap.report.document.model import (
    Align,
    Block,
    Cell,
    Chart,
    Charts,
    Commands,
    Document,
    Facts,
    Findings,
    Prose,
    Table,
    Tone,
    Voice,
)
from heapswap.report.findings import gravest_first
from heapswap.report.lines import printable
from heapswap.report.shellwords import one_line

LONGEST = 300
"""characters of a cell, a name or a sentence; a longer one loses its middle"""
ROWS = 60
"""rows of a table; a pull request is read by people"""
# What begins an element, emphasis, a link, a cell, an entity or a formula anywhere; what begins a block at the start.
_SPECIAL = re.compile(r"([\\`*_\[\]<|~$&])")
_FIRST = re.compile(r"^(?=[-+#>=])|(?<=^\d)(?=[.)])|(?<=^\d\d)(?=[.)])")
_EMOJI = re.compile(r":(?=[\w+-]+:)")
_MENTION = re.compile(r"(?<!\w)@(?=\w)")
_SIGNS = {Tone.BAD: "❌ ", Tone.DOUBT: "⚠️ "}
_NO_BREAK = "\u2060"
"""a word joiner, which is not seen: it keeps words in prose from calling somebody, and from becoming a picture"""


def markdown(document: Document) -> str:
    """The answer as the title, then every section that can be written as text."""
    lines = [f"## {prose(document.answer)}", "", f"heapswap {document.kind} of {code(document.subject)}", ""]
    for sentence in document.beside:
        lines += [prose(sentence), ""]
    for section in document.sections:
        body = [line for block in section.blocks for line in _block(block)]
        if body:
            lines += [f"### {prose(section.title)}", "", *body]
    return "\n".join(lines).rstrip("\n") + "\n"


def prose(text: str) -> str:
    """Text that shows as it is, on one line."""
    shown = _FIRST.sub(r"\\", _SPECIAL.sub(r"\\\1", _cut(printable(" ".join(text.split())))))
    return _EMOJI.sub(f":{_NO_BREAK}", _MENTION.sub(f"@{_NO_BREAK}", shown))


def code(text: str) -> str:
    """A name in a code span that nothing in it can end; in a table or not."""
    shown = _cut(printable(text)).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if not shown.strip() or "`" in (shown[:1], shown[-1:]) else ""
    return f"{fence}{pad}{shown or ' '}{pad}{fence}"


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST * 2 // 3]}…{text[-LONGEST // 4 :]}"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Prose():
            yield from (prose(block.text), "")
        case Table():
            yield from _table(block)
        case Facts():
            yield from (f"- {prose(name)}: {code(value)}" for name, value in block.pairs)
            yield ""
        case Findings():
            for finding in gravest_first(block.findings):
                yield f"- **{finding.level}** {code(finding.code)}: {prose(finding.seen)}"
                if finding.remedy:
                    yield f"  → {prose(finding.remedy)}"
            yield ""
        case Commands():
            yield from _commands(block)
        case Charts():
            yield from (line for chart in block.charts for line in _numbers(chart))


def _numbers(chart: Chart) -> Iterable[str]:
    return _table(chart.numbers) if chart.numbers else ()


def _table(table: Table) -> Iterator[str]:
    yield prose(table.caption)
    yield ""
    yield "| " + " | ".join(prose(column.title) or " " for column in table.columns) + " |"
    yield "| " + " | ".join("--:" if column.align is Align.RIGHT else ":--" for column in table.columns) + " |"
    for row in table.rows[:ROWS]:
        yield "| " + " | ".join(_cell(cell) for cell in row) + " |"
    yield ""
    if len(table.rows) > ROWS:
        yield from (f"and {len(table.rows) - ROWS} more rows.", "")


def _cell(cell: Cell) -> str:
    if not cell.line:
        return " "
    return _SIGNS.get(cell.tone, "") + (code(cell.line) if cell.voice is Voice.NAME else prose(cell.line))


def _commands(commands: Commands) -> Iterator[str]:
    for step in commands.steps:
        yield from (prose(step.purpose), "")
        if step.words:
            line = one_line(step.words, step.stdin)
            fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", line)), 3)
            yield from (f"{fence}console", f"$ {line}", fence, "")
