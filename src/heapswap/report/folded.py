"""Folded call stacks, as `heapswap profile --folded` and many other tools write them: ``frame;frame;frame weight``."""

from collections.abc import Mapping
from pathlib import Path

from heapswap.errors import CannotGoOn

Stacks = Mapping[tuple[str, ...], float]
"""each stack from its outermost frame, with its weight"""


def read_folded(file: Path) -> Stacks:
    """The stacks of a file; several lines of one stack are added up.

    Raises:
        CannotGoOn: it cannot be read, or a line is no stack with a weight.
    """
    try:
        lines = file.read_bytes().decode("utf-8", "replace").split("\n")
    except OSError as error:
        raise CannotGoOn(f"{file} cannot be read: {error.strerror}; give a file of folded stacks") from None
    stacks: dict[tuple[str, ...], float] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        words, _, weight = line.rpartition(" ")
        if not words or not (weight.isascii() and weight.isdigit()):
            raise CannotGoOn(f"{file}, line {number}: no folded stack; write 'frame;frame;frame bytes' on each line")
        stack = tuple(words.split(";"))
        stacks[stack] = stacks.get(stack, 0.0) + float(weight)
    return stacks
