"""What the end of a child means."""

import dataclasses
from typing import Any

import pytest

from heapswap.conformance.child import Ended, Subject
from heapswap.conformance.clauses import CLAUSES, RANDOM
from heapswap.conformance.model import Outcome
from heapswap.conformance.runner import examine

HELD = Ended(word="held", detail="10 members", said="", killer="", is_hung=False, patience=60)


def ended(**changes: Any) -> Ended:
    return dataclasses.replace(HELD, **changes)


@pytest.mark.parametrize(
    ("end", "outcome", "detail"),
    [
        (HELD, Outcome.HELD, "10 members"),
        (ended(word="deviates", detail="seen"), Outcome.DEVIATES, "seen"),
        (ended(word="absent", detail="no memalign"), Outcome.NOT_APPLICABLE, "no memalign"),
        (ended(is_hung=True, word=""), Outcome.HUNG, "no answer within 60 s"),
        (
            ended(word="crashed", detail="SIGSEGV in malloc(48)", killer="SIGSEGV", said="bad list"),
            Outcome.CRASHED,
            "SIGSEGV in malloc(48): bad list",
        ),
        (ended(word="", detail="", killer="SIGABRT", said="cannot start"), Outcome.CRASHED, "SIGABRT: cannot start"),
        (ended(word="", detail=""), Outcome.CRASHED, "it ended without an answer"),
    ],
)
def test_each_end_is_an_outcome(end: Ended, outcome: Outcome, detail: str) -> None:
    assert (end.outcome, end.seen) == (outcome, detail)


def test_a_crash_after_the_answer_is_a_crash() -> None:
    end = ended(killer="SIGSEGV")
    assert end.outcome is Outcome.CRASHED
    assert "10 members" in end.seen


def test_what_the_library_said_follows_how_it_died() -> None:
    assert ended(word="", detail="", killer="SIGILL", said="heap smashed").seen == "SIGILL: heap smashed"


def test_what_a_library_says_though_all_is_well_is_not_told() -> None:
    assert ended(said="tcmalloc: large alloc").seen == "10 members"


def test_clauses_are_asked_by_name_in_order() -> None:
    asked: list[tuple[str, ...]] = []

    def double(under: Subject, *question: str, patience: float, text: str = "") -> Ended:
        asked.append(question)
        return HELD

    under = Subject(program="", expected="-", environ={})
    clauses = [clause for clause in CLAUSES if clause.id != RANDOM]
    results = list(examine(under, clauses, seed=0, ask=double))
    assert asked == [("clause", clause.id) for clause in clauses]
    assert [told.id for told in results] == [clause.id for clause in clauses]


def test_who_hangs_is_not_waited_for_again_and_again() -> None:
    waited: list[float] = []

    def double(under: Subject, *question: str, patience: float, text: str = "") -> Ended:
        waited.append(patience)
        return ended(is_hung=True, patience=patience)

    under = Subject(program="", expected="-", environ={})
    results = list(examine(under, CLAUSES[:5], seed=0, ask=double))
    assert waited == [60, 60, 10, 10, 10]
    assert results[-1].detail == "no answer within 10 s"
