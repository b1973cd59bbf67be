"""Asks every clause, one after another: what one breaks does not reach the next."""

from collections.abc import Callable, Iterable, Iterator

from heapswap.conformance import sequences
from heapswap.conformance.child import Ended, Subject, ask
from heapswap.conformance.clauses import RANDOM, Clause
from heapswap.conformance.model import ClauseResult, Outcome

Ask = Callable[..., Ended]
"""`child.ask`, or a double of it"""

_WORDS = {"held": Outcome.HELD, "deviates": Outcome.DEVIATES, "absent": Outcome.NOT_APPLICABLE}


def examine(under: Subject, clauses: Iterable[Clause], *, seed: int, ask: Ask = ask) -> Iterator[ClauseResult]:
    """The outcome of each clause, in order, as it is known; `seed` chooses the random programs.

    Raises:
        CannotGoOn: another malloc answers than the one that is examined.
    """
    for clause in clauses:
        if clause.id == RANDOM:
            yield sequences.search(clause, under, seed=seed, ask=ask)
        else:
            yield result(clause, ask(under, "clause", clause.id, patience=clause.patience))


def result(clause: Clause, ended: Ended) -> ClauseResult:
    """What the end of a child says about its clause. A crash counts also after an answer: exit handlers ran then."""
    if ended.is_hung:
        outcome, detail = Outcome.HUNG, f"no answer within {clause.patience:.0f} s"
    elif ended.killer or ended.word not in _WORDS:
        outcome, detail = Outcome.CRASHED, crash(ended)
    else:
        outcome, detail = _WORDS[ended.word], ended.detail
    return ClauseResult(id=clause.id, outcome=outcome, detail=detail)


def crash(ended: Ended) -> str:
    """How a child died, in words: where, and what the library said."""
    told = ended.killer or "it ended without an answer"
    if ended.word == "crashed":
        told = ended.detail
    elif ended.word:
        told += f", after the answer '{ended.detail}'"
    return f"{told}: {ended.said}" if ended.said else told
