"""Random programs of allocations, played against a model of the heap, and shrunk where one goes wrong.

Hypothesis makes and shrinks them; the text of a program is what ``native/conform`` plays and what a person reads.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from heapswap.conformance.child import Ended, Subject
from heapswap.conformance.clauses import Clause
from heapswap.conformance.model import ClauseResult, Outcome

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MISSING = "it needs Hypothesis: pip install 'heapswap[conform]'"
EXAMPLES = 100
"""programs that are tried in one thread, and as many in several"""
THREADS = 2
"""beside the first"""
STEPS = 40
"""calls of one program, at most"""
LARGEST = 300_000
"""bytes of one block, at most: beyond the sizes that allocators keep in classes"""
_NAMES = "abcdef"
"""of blocks; a program calls them in this order"""
_PATIENCE = 20.0


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


def search(clause: Clause, under: Subject, *, seed: int, ask: Callable[..., Ended]) -> ClauseResult:
    """Look for a program under which the allocator and the model part; the detail is the shortest that was found."""
    try:
        from hypothesis import HealthCheck, Phase, find, settings  # noqa: PLC0415 - optional, and slow to import
        from hypothesis.errors import Flaky, NoSuchExample  # noqa: PLC0415
    except ImportError:
        return ClauseResult(id=clause.id, outcome=Outcome.NOT_APPLICABLE, detail=MISSING)

    def play(moves: Program) -> Ended:
        return ask(under, "play", patience=_PATIENCE, text=text(moves))

    broken: list[Program] = []

    def is_broken(moves: Program) -> bool:
        if _outcome(play(moves)).is_broken:
            broken.append(moves)
            return True
        return False

    # One thread first: what goes wrong there already is told without any others.
    for threads in (0, THREADS):
        try:
            moves = find(
                _programs(threads),
                is_broken,
                settings=settings(
                    max_examples=EXAMPLES,
                    database=None,
                    deadline=None,
                    phases=(Phase.generate, Phase.shrink),
                    suppress_health_check=list(HealthCheck),
                ),
                random=random.Random(seed),
            )
            moves = _thinned(moves, is_broken)
        except NoSuchExample:
            continue
        except Flaky:  # the same program went wrong and then not
            moves = min(broken, key=len)
        return _broken(clause, text(moves), play(moves))
    detail = f"{2 * EXAMPLES} programs of up to {STEPS} calls, half of them in {THREADS + 1} threads"
    return ClauseResult(id=clause.id, outcome=Outcome.HELD, detail=detail)


def _thinned(moves: Program, is_broken: Callable[[Program], bool]) -> Program:
    """Without the moves that are not needed: Hypothesis gives up before it has tried them all."""
    shorter = next((fewer for fewer in _shorter(moves) if fewer and is_broken(fewer)), None)
    return moves if shorter is None else _thinned(shorter, is_broken)


def _shorter(moves: Program) -> Iterator[Program]:
    """Without one block, without one move, and, of a program that is short already, without two moves."""
    for name in sorted({move.name for move in moves}):
        yield [move for move in moves if move.name != name]
    for number in (1, 2) if len(moves) <= 12 else (1,):
        for left_out in combinations(range(len(moves)), number):
            yield [move for index, move in enumerate(moves) if index not in left_out]


def _broken(clause: Clause, program: str, ended: Ended) -> ClauseResult:
    """The shortest program that was found, played once more."""
    outcome = _outcome(ended)
    if not outcome.is_broken:  # what breaks only now and then is told all the same: it was seen
        detail = f"{program}\nit went wrong more than once before, and not this time"
        return ClauseResult(id=clause.id, outcome=Outcome.DEVIATES, detail=detail)
    return ClauseResult(id=clause.id, outcome=outcome, detail=f"{program}\n{_seen(ended)}")


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


def _programs(threads: int) -> "SearchStrategy[Program]":
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


def _outcome(ended: Ended) -> Outcome:
    if ended.is_hung:
        return Outcome.HUNG
    if ended.killer or ended.word not in ("held", "deviates"):
        return Outcome.CRASHED
    return Outcome.HELD if ended.word == "held" else Outcome.DEVIATES


def _seen(ended: Ended) -> str:
    from heapswap.conformance.runner import crash  # noqa: PLC0415

    if ended.is_hung:
        return f"no answer within {_PATIENCE:.0f} s"
    return ended.detail if ended.word == "deviates" and not ended.killer else crash(ended)
