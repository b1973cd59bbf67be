"""Reactions to a program's mistakes, and which build stands beside which."""

import os

import pytest

from heapswap.allocators.activation import activate
from heapswap.allocators.model import Candidate
from heapswap.allocators.spelling import parse
from heapswap.conformance.child import Ended, subject
from heapswap.conformance.clauses import MISUSES
from heapswap.conformance.hardening import attempt, attempts, counterpart
from heapswap.conformance.model import Reaction


def ended(word: str, killer: str = "", said: str = "", *, is_hung: bool = False) -> Ended:
    return Ended(word=word, detail="seen", said=said, killer=killer, is_hung=is_hung, patience=1)


@pytest.mark.parametrize(
    ("end", "reaction"),
    [
        (ended("ignored"), Reaction.IGNORED),
        (ended("corrupts"), Reaction.CORRUPTS),
        (ended("absent"), Reaction.NOT_APPLICABLE),
        (ended("crashed", "SIGABRT", "double free"), Reaction.DETECTED),
        (ended("crashed", "SIGSEGV"), Reaction.CRASHED),
        (ended("ignored", "SIGSEGV"), Reaction.CRASHED),
        (ended("", ""), Reaction.DETECTED),
        (ended("", is_hung=True), Reaction.HUNG),
    ],
)
def test_each_end_is_a_reaction(end: Ended, reaction: Reaction) -> None:
    assert attempt("double-free", end).reaction is reaction


@pytest.mark.parametrize(
    ("candidate", "other"),
    [
        ("mimalloc", "mimalloc+secure"),
        ("mimalloc+secure", "mimalloc"),
        ("mimalloc:purge_delay=0", "mimalloc+secure:purge_delay=0"),
        ("mimalloc@2/returning", "mimalloc+secure@2/returning"),
        ("jemalloc", None),
        ("system", None),
    ],
)
def test_the_other_build_of_the_family(candidate: str, other: str | None) -> None:
    asked = parse(candidate)
    found = counterpart(asked, activate(asked).library)
    assert found == (parse(other) if other else None)


def reactions(candidate: str) -> dict[str, Reaction]:
    under = subject(
        activate(Candidate(library=candidate.partition("+")[0], features=parse(candidate).features)), os.environ
    )
    return {one.id: one.reaction for one in attempts(under)}


def test_glibc_detects_what_its_manual_says() -> None:
    found = reactions("system")
    assert list(found) == [misuse.id for misuse in MISUSES]
    assert found["double-free"] is Reaction.DETECTED
    assert found["free-inside"] is Reaction.DETECTED


def test_hardened_mimalloc_takes_no_harm_from_what_corrupts_the_plain_one() -> None:
    plain, hardened = reactions("mimalloc"), reactions("mimalloc+secure")
    for mistake in ("double-free", "double-free-later"):
        assert plain[mistake] is Reaction.CORRUPTS
        assert hardened[mistake] in (Reaction.IGNORED, Reaction.DETECTED)
    assert hardened["overflow"] is Reaction.DETECTED
    assert hardened["freelist"] is Reaction.DETECTED
