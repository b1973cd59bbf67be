"""Plays random programs against a model of the heap, and shrinks one under which the two part.

Hypothesis makes and shrinks them. It is optional: without it the clause does not apply.
"""

import random
from collections.abc import Callable
from importlib.util import find_spec
from tempfile import TemporaryDirectory

from heapswap.conformance.child import Ask, Ended, Subject
from heapswap.conformance.clauses import Clause
from heapswap.conformance.model import ClauseResult, Outcome
from heapswap.conformance.programs import STEPS, Program, programs, shorter, text

MISSING = "it needs Hypothesis: pip install 'heapswap[conform]'"
EXAMPLES = 100
"""programs that are tried in one thread, and as many in several"""
THREADS = 2
"""beside the first"""
_PATIENCE = 20.0

IsBroken = Callable[[Program], bool]


def search(clause: Clause, under: Subject, *, seed: int, ask: Ask) -> ClauseResult:
    """Look for a program under which the allocator and the model part; the detail is the shortest that was found."""
    if find_spec("hypothesis") is None:
        return ClauseResult(id=clause.id, outcome=Outcome.NOT_APPLICABLE, detail=MISSING)

    def play(program: Program) -> Ended:
        return ask(under, "play", patience=_PATIENCE, text=text(program))

    # One thread first: what goes wrong there already is told without any others.
    for threads in (0, THREADS):
        found = _found(threads, lambda program: play(program).outcome.is_broken, seed)
        if found is not None:
            return _told(clause, text(found), play(found))
    detail = f"{2 * EXAMPLES} programs of up to {STEPS} calls, half of them in {THREADS + 1} threads"
    return ClauseResult(id=clause.id, outcome=Outcome.HELD, detail=detail)


def _found(threads: int, is_broken: IsBroken, seed: int) -> Program | None:
    """The shortest broken program that a search comes to; None where it comes to none."""
    from hypothesis import HealthCheck, Phase, configuration, find, settings  # noqa: PLC0415 - optional, and slow
    from hypothesis.errors import Flaky, NoSuchExample  # noqa: PLC0415

    broken: list[Program] = []

    def noted(program: Program) -> bool:
        if is_broken(program):
            broken.append(program)
            return True
        return False

    wanted = settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    # Hypothesis takes notes, and would leave them in the current folder, which is the user's.
    with TemporaryDirectory(prefix="heapswap-") as notes:
        configuration.set_hypothesis_home_dir(notes)
        try:
            return _thinned(find(programs(threads), noted, settings=wanted, random=random.Random(seed)), noted)
        except NoSuchExample:
            return None
        except Flaky:  # the same program went wrong and then not
            return min(broken, key=len)
        finally:
            configuration.set_hypothesis_home_dir(None)


def _thinned(program: Program, is_broken: IsBroken) -> Program:
    """Without the moves that are not needed: Hypothesis gives up before it has tried them all."""
    fewer = next((fewer for fewer in shorter(program) if fewer and is_broken(fewer)), None)
    return program if fewer is None else _thinned(fewer, is_broken)


def _told(clause: Clause, program: str, ended: Ended) -> ClauseResult:
    """The program that was found, played once more."""
    if not ended.outcome.is_broken:  # what breaks only now and then is told all the same: it was seen
        detail = f"{program}\nit went wrong before, and not this time"
        return ClauseResult(id=clause.id, outcome=Outcome.DEVIATES, detail=detail)
    return ClauseResult(id=clause.id, outcome=ended.outcome, detail=f"{program}\n{ended.seen}")
