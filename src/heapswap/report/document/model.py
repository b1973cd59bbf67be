"""The words of this folder: a document has sections, a section blocks. Text is as it was seen; formats make it safe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from heapswap.findings import Finding
from heapswap.report.nextstep import Step


class Tone(StrEnum):
    """How something is meant, beside what it says: no format may rely on its colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    DOUBT = "doubt"
    BAD = "bad"
    FAINT = "faint"


class Align(StrEnum):
    """Where the cells of a column stand."""

    LEFT = "left"
    RIGHT = "right"


class Voice(StrEnum):
    """Who speaks in a cell."""

    PROSE = "prose"
    NAME = "name"
    """a spelling, path or metric of the user's: shown as it is, in code"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table."""

    text: str
    tone: Tone = Tone.PLAIN
    voice: Voice = Voice.PROSE
    rest: str = ""
    """words after it, which stand below it where a line is narrow"""

    @property
    def line(self) -> str:
        """All of it on one line."""
        return f"{self.text} {self.rest}" if self.rest else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The head of a column."""

    title: str
    align: Align = Align.LEFT


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """One paragraph."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of as many cells as there are columns."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names and what they are."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Doubts, each with its remedy."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """What can be typed."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure to explore, for formats that can draw; the others show its numbers, where it has any."""

    title: str
    says: str
    """what is to be seen in it, for those who cannot"""
    traces: tuple[Mapping[str, object], ...]
    """as Plotly takes them, but for colours: `charts/colours.py`"""
    layout: Mapping[str, object]
    height: int
    """pixels"""
    numbers: Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """Figures beside each other, where there is room."""

    charts: tuple[Chart, ...]


Block = Prose | Table | Facts | Findings | Commands | Charts


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled part; one without blocks is not shown."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report: the answer first."""

    kind: str
    """of the artifact: ``trial``, ``verdict``, ``profile``, ``conformance``, ``prediction``, ``trace``; or
    ``comparison``
    """
    subject: str
    """what it is about, a few words"""
    answer: str
    """one sentence"""
    tone: Tone
    beside: tuple[str, ...]
    """sentences that belong to the answer"""
    sections: tuple[Section, ...]


def left(*titles: str) -> tuple[Column, ...]:
    """Columns of words."""
    return tuple(Column(title=title) for title in titles)


def right(*titles: str) -> tuple[Column, ...]:
    """Columns of figures."""
    return tuple(Column(title=title, align=Align.RIGHT) for title in titles)


def said(text: str, tone: Tone = Tone.PLAIN, rest: str = "") -> Cell:
    """A cell of prose."""
    return Cell(text=text, tone=tone, rest=rest)


def named(text: str, tone: Tone = Tone.PLAIN) -> Cell:
    """A cell of the user's own words."""
    return Cell(text=text, tone=tone, voice=Voice.NAME)


def findings(found: Iterable[Finding]) -> tuple[Block, ...]:
    """They, in one block; nothing where there are none."""
    all_ = tuple(found)
    return (Findings(findings=all_),) if all_ else ()


def drawn(charts: Sequence[Chart]) -> tuple[Block, ...]:
    """They, beside each other; nothing where there are none."""
    return (Charts(charts=tuple(charts)),) if charts else ()


def sections(*candidates: Section) -> tuple[Section, ...]:
    """Those that have something to say."""
    return tuple(one for one in candidates if one.blocks)


def charts_of(document: Document) -> list[Chart]:
    """Every chart, in its order."""
    return [
        chart
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Charts)
        for chart in block.charts
    ]
