"""Who asks for memory, a line each."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from heapswap.profiling.model import CallSite, Place
from heapswap.report.figures import part
from heapswap.report.lines import printable
from heapswap.units import format_bytes

SHOWN = 8
"""call sites shown of a process"""
LONGEST = 60
"""columns of a function's name beyond which it is shortened"""
_WORDS = re.compile(
    r"(?s) operator\ *(?:<=>|<<=?|>>=?|->\*?|<=?|>=?|\(\)) | \(anonymous\ namespace\) | -> | .", re.VERBOSE
)
"""characters, and what holds brackets that open and close nothing"""


def site_lines(sites: Sequence[CallSite], width: int) -> Iterable[Text]:
    """The largest call sites, each cut where it is too long."""
    for number, site in enumerate(sites[:SHOWN]):
        label = "call sites" if number == 0 else ""
        figures = f"{part(site.share):>6} {format_bytes(site.bytes):>9}"
        words = f"  {label:<13}{figures}  {site_words(site)}"
        yield Text(words if cell_len(words) <= width else f"{set_cell_size(words, width - 1)}…")


def site_words(site: CallSite) -> str:
    """A Python function with the C function that it called, or a function with its caller."""
    caller = site.caller
    if caller is None:
        return place_words(site.place)
    if caller.python and not site.place.python:
        return f"{place_words(caller)} > {_function(site.place)}"
    return f"{place_words(site.place)} < {_function(caller)}"


def place_words(place: Place) -> str:
    """A function, and where it is as far as that tells: the source if it is known, else the library."""
    name = _function(place)
    file = printable(PurePath(place.file).name)
    if file and place.line:
        return f"{name} ({file}:{place.line})"
    library = printable(PurePath(place.library).name)
    return f"{name} ({library})" if library and not name.startswith(f"{library}+") else name


def _function(place: Place) -> str:
    return printable(place.function) or "a function without a name"


def shortened(function: str) -> str:
    """A name as its author thinks of it, where it is long: without what templates and parameters add to it."""
    if cell_len(function) <= LONGEST:
        return function
    for brackets in ("<>", "()"):
        function = _emptied(function, *brackets)
        if cell_len(function) <= LONGEST:
            return function
    return f"{set_cell_size(function, LONGEST - 1).rstrip()}…"


def _emptied(function: str, opening: str, closing: str) -> str:
    """With nothing but an ellipsis between the outermost brackets; as it is where they do not match."""
    kept: list[str] = []
    depth = 0
    for word in _WORDS.findall(function):
        depth -= word == closing
        if depth < 0:
            return function
        if depth == 0:
            kept.append(word)
        elif kept[-1] == opening:
            kept.append("…")
        depth += word == opening
    return "".join(kept) if depth == 0 else function
