"""What the output goes to: its width, whether it shows colour, and lines as the characters that are sent to it."""

import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from io import StringIO
from typing import TextIO

from rich.console import Console
from rich.text import Text

NARROWEST = 40
"""columns; a narrower terminal wraps by itself"""
WIDEST = 120
"""columns; longer lines are hard to read"""
ORDINARY = 80
"""columns, where nobody says how wide the output is"""


class Colour(StrEnum):
    """Whether output carries escape sequences."""

    NEVER = "never"
    ALWAYS = "always"


def colour_of(stream: TextIO, environ: Mapping[str, str]) -> Colour:
    """Colour on a terminal only, and not where NO_COLOR is set (https://no-color.org) or TERM is ``dumb``."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb" or not stream.isatty():
        return Colour.NEVER
    return Colour.ALWAYS


def width_of(stream: TextIO, environ: Mapping[str, str]) -> int:
    """Columns to write for: COLUMNS, else the terminal's own, else 80; within what can be laid out and read."""
    asked = environ.get("COLUMNS", "")
    columns = int(asked) if asked.isascii() and asked.isdigit() else 0
    if not columns and stream.isatty():
        columns = os.get_terminal_size(stream.fileno()).columns
    return min(max(columns or ORDINARY, NARROWEST), WIDEST)


def render(lines: Iterable[Text], colour: Colour) -> str:
    """Lines as text, each ended by a newline; no line is wrapped again."""
    if colour is Colour.NEVER:
        return "".join(f"{line.plain}\n" for line in lines)
    buffer = StringIO()
    # The caller has decided: rich must not read NO_COLOR, COLUMNS or TERM a second time.
    console = Console(
        file=buffer,
        force_terminal=True,
        color_system="standard",
        no_color=False,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )
    for line in lines:
        console.print(line, soft_wrap=True)
    return buffer.getvalue()
