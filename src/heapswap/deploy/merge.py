"""Take an edit back out of a file that has been edited since: a three-way merge of lines (diff3, Khanna 2007).

`base` is the file as it was deployed. One change leads from it to the file without the deployment, the other to the
file as it is now. Where they touch different lines, both are made; where they meet, nobody but a person can tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Lines `start` to `end` of the base (end excluded), and what stands there instead."""

    start: int
    end: int
    lines: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The two changes meet at this line of the base, counted from 1."""

    line: int


def merged(base: bytes, first: bytes, second: bytes) -> bytes | Conflict:
    """Both changes of `base` in one, or where they meet. Equal changes count once; a binary file never merges."""
    if second in (first, base):
        return first
    if first == base:
        return second
    if b"\0" in base or b"\0" in first or b"\0" in second:
        return Conflict(line=1)
    old = lines(base)
    hunks = sorted({*_hunks(old, lines(first)), *_hunks(old, lines(second))}, key=lambda h: (h.start, h.end))
    result: list[bytes] = []
    at = 0
    for hunk, following in zip(hunks, (*hunks[1:], None), strict=True):
        if following is not None and _meet(hunk, following):
            return Conflict(line=following.start + 1)
        result += old[at : hunk.start]
        result += hunk.lines
        at = hunk.end
    return b"".join((*result, *old[at:]))


def lines(data: bytes) -> list[bytes]:
    """Lines with their ends; only a newline ends one, so that their join is the file."""
    *whole, last = data.split(b"\n")
    return [*(line + b"\n" for line in whole), *([last] if last else [])]


def _meet(hunk: Hunk, following: Hunk) -> bool:
    """Whether two hunks, in order, are about the same lines, or leave open which insertion is first."""
    if hunk.start == following.start:
        return not (hunk.start == hunk.end and not following.lines)
    return following.start < hunk.end or (following.start == hunk.end and bool(hunk.lines and following.lines))


def _hunks(base: list[bytes], other: list[bytes]) -> Iterator[Hunk]:
    matcher = SequenceMatcher(None, base, other, autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        if tag != "equal":
            yield Hunk(start=start, end=end, lines=tuple(other[other_start:other_end]))
