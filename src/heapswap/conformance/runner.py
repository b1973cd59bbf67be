"""Asks every clause, one after another: what one breaks does not reach the next."""

from collections.abc import Iterable, Iterator

from heapswap.conformance import sequences
from heapswap.conformance.child import Ask, Subject, ask
from heapswap.conformance.clauses import RANDOM, Clause
from heapswap.conformance.model import ClauseResult

ENOUGH = 2
"""clauses that hang, after which"""
IMPATIENCE = 10.0
"""seconds are enough for every other: who hangs at all often hangs everywhere"""


def examine(under: Subject, clauses: Iterable[Clause], *, seed: int, ask: Ask = ask) -> Iterator[ClauseResult]:
    """The outcome of each clause, in order, as it is known; `seed` chooses the random programs.

    Raises:
        CannotGoOn: another malloc answers than the one that is examined.
    """
    hung = 0
    for clause in clauses:
        if clause.id == RANDOM:
            yield sequences.search(clause, under, seed=seed, ask=ask)
        else:
            patience = clause.patience if hung < ENOUGH else IMPATIENCE
            ended = ask(under, "clause", clause.id, patience=patience)
            hung += ended.is_hung
            yield ClauseResult(id=clause.id, outcome=ended.outcome, detail=ended.seen)
