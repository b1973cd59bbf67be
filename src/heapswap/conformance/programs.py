"""Programs of allocations: made by Hypothesis, written as text that ``native/conform`` plays and a person reads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

STEPS = 40
"""calls of one program, at most"""
LARGEST = 300_000
"""bytes of one block, at most: beyond the sizes that allocators keep in classes"""
_NAMES = "abcdef"
"""of blocks; a program calls them in this order"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One step of a program, whatever the step before was."""

    function: str
    """what allocates the block called `name` where there is none"""
    name: str
    size: int
    count: int
    alignment: int
    is_resized: bool
    """what is done where there is one: resized, or freed"""
    thread: int


Program = list[Move]


def text(moves: Iterable[Move]) -> str:
    """The moves as a program, a line each. Whether its block is live decides what a move does."""
    live: set[str] = set()
    named: dict[str, str] = {}
    lines = []
    for move in moves:
        if move.name not in named:
            named[move.name] = _NAMES[len(named)]
        name = named[move.name]
        lines.append(_line(move, name, is_live=name in live))
        if lines[-1].endswith(f"free({name})"):
            live.remove(name)
        else:
            live.add(name)
    return "\n".join(lines)


def _line(move: Move, name: str, *, is_live: bool) -> str:
    size = move.size
    if is_live:
        call = f"{name} = realloc({name}, {max(size, 1)})" if move.is_resized else f"free({name})"
    elif move.function == "malloc":
        call = f"{name} = malloc({size})"
    elif move.function == "calloc":
        call = f"{name} = calloc({move.count}, {size // move.count})"
    else:
        # aligned_alloc before C17 wanted whole multiples, and that is another clause's matter.
        whole = -(-size // move.alignment) * move.alignment
        call = f"{name} = {move.function}({move.alignment}, {whole if move.function == 'aligned_alloc' else size})"
    return f"thread {move.thread}: {call}" if move.thread else call


def programs(threads: int) -> "SearchStrategy[Program]":
    """Programs in the first thread and so many more."""
    from hypothesis import strategies  # noqa: PLC0415

    borders = [
        border + beside for power in range(4, 18) for border in (1 << power, 3 << power) for beside in (-1, 0, 1)
    ]
    move = strategies.builds(
        Move,
        function=strategies.sampled_from(("malloc", "calloc", "posix_memalign", "memalign", "aligned_alloc")),
        name=strategies.sampled_from(_NAMES),
        size=strategies.one_of(
            strategies.integers(0, 64),
            strategies.integers(0, 2048),
            strategies.sampled_from(borders),
            strategies.integers(0, LARGEST),
        ),
        count=strategies.integers(1, 7),
        alignment=strategies.sampled_from([8 << power for power in range(10)]),
        is_resized=strategies.booleans(),
        thread=strategies.integers(0, threads),
    )
    return strategies.lists(move, min_size=1, max_size=STEPS)


def shorter(moves: Program) -> Iterator[Program]:
    """Without one block, without one move, and, of a program that is short already, without two moves."""
    for name in sorted({move.name for move in moves}):
        yield [move for move in moves if move.name != name]
    for number in (1, 2) if len(moves) <= 12 else (1,):
        for left_out in combinations(range(len(moves)), number):
            yield [move for index, move in enumerate(moves) if index not in left_out]
