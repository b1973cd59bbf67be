"""Text files edited as lines of bytes: encoding, newlines, byte order mark and last newline stay as they are."""

from collections.abc import Iterable
from pathlib import Path

from heapswap.deploy import merge
from heapswap.errors import CannotGoOn

BOM = b"\xef\xbb\xbf"


def text(data: bytes, path: Path) -> str:
    """The file for reading, lines ended by ``\\n`` alone, without its mark; bytes that are no UTF-8 are kept apart.

    The number of lines is that of `merge.lines`.

    Raises:
        CannotGoOn: it holds NUL bytes, so it is no text or UTF-16.
    """
    if b"\0" in data:
        raise CannotGoOn(f"{path} is binary or UTF-16; give a text file in UTF-8 or another extension of ASCII")
    return data.removeprefix(BOM).replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape")


def newline(data: bytes) -> bytes:
    """How the file ends its lines: as the first one does."""
    first = data.partition(b"\n")[0]
    return b"\r\n" if first.endswith(b"\r") else b"\n"


def spliced(data: bytes, start: int, end: int, lines: Iterable[str]) -> bytes:
    """The file with lines `start` to `end` (counted from 0, end excluded) replaced by `lines` without ends.

    A last line without newline gets one where something follows it; where it is itself replaced, its successor has
    none either.
    """
    if data.startswith(BOM):
        return BOM + spliced(data.removeprefix(BOM), start, end, lines)
    ending = newline(data)
    old = merge.lines(data)
    new = [line.encode("utf-8", "surrogateescape") + ending for line in lines]
    before, after = old[:start], old[end:]
    if new and before and not before[-1].endswith(b"\n"):
        before[-1] += ending
    if new and not after and end > start and not old[-1].endswith(b"\n"):
        new[-1] = new[-1].removesuffix(ending)
    return b"".join((*before, *new, *after))


def appended(data: bytes, lines: Iterable[str]) -> bytes:
    """The file with lines after its last one."""
    count = len(merge.lines(data))
    return spliced(data, count, count, lines)
