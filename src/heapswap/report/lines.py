"""Prose and spellings folded to a width. Widths are terminal cells, so that wide characters count twice."""

import re

from rich.cells import cell_len, chop_cells
from rich.text import Text

# A number stays on the line of its unit, and an arrow beside what it joins.
_JOINED = re.compile(r"(?<=\d) (?=(?:%|ms|s|min|h|B|[KMGT]iB)(?!\w))| (?=-> )|(?<= ->) ")
_GLUE = "\ue000"
# A spelling or path may be broken after these.
_JOINT = re.compile(r"(?<=[/:,+@=;&?])")


def printable(text: str) -> str:
    """The text with every control character and undecodable byte written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def pieces(word: str, width: int) -> list[str]:
    """A word cut after its separators into pieces of at most `width`; together they are the word."""
    cut: list[str] = []
    for part in _JOINT.split(word):
        if cut and cell_len(cut[-1] + part) <= width:
            cut[-1] += part
        else:
            cut.extend([part] if cell_len(part) <= width else chop_cells(part, width))
    return cut


def fold(text: str, width: int) -> list[str]:
    """Prose as lines of at most `width`, broken between words; a longer word is broken after its separators."""
    glued = _JOINED.sub(_GLUE, printable(" ".join(text.split())))
    words = (
        [piece for word in glued.split(" ") for piece in pieces(word, width)] if cell_len(glued) > width else [glued]
    )
    lines = [""]
    for word in words:
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return [line.replace(_GLUE, " ") for line in lines]


def paragraph(text: str, width: int, *, first: str = "", rest: str | None = None, style: str = "") -> list[Text]:
    """Prose folded behind a prefix: `first` on its first line and `rest` (default: blanks) on the others."""
    after = " " * cell_len(first) if rest is None else rest
    room = width - max(cell_len(first), cell_len(after))
    lines = [Text(after if number else first).append(line, style=style) for number, line in enumerate(fold(text, room))]
    for line in lines:
        line.rstrip()
    return lines


def heading(text: str) -> list[Text]:
    """A section's title, behind an empty line."""
    return [Text(), Text(text, style="bold")]
