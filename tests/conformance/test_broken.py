"""Four allocators that are broken in one way each are caught, with a counter-example that a person can read."""

import os
import re

import pytest

from heapswap.allocators.activation import activate
from heapswap.allocators.model import Candidate
from heapswap.conformance.child import Subject, subject
from heapswap.conformance.clauses import CLAUSES, RANDOM
from heapswap.conformance.model import Outcome
from heapswap.conformance.runner import examine
from tests.conformance.libraries import BROKEN, SOUND, broken, library

CAUGHT = {
    # library: clause, and what its detail says
    ("misaligned", "natural-alignment"): r"malloc\(16\) answered 0x[0-9a-f]+, which is no multiple of 16",
    ("misaligned", RANDOM): r"\Aa = malloc\(16\)\nline 1, a = malloc\(16\): answered .*no multiple of 16\Z",
    ("stale_calloc", "calloc-zeroes"): r"calloc\(1, 1\), after blocks .* freed: byte 0 is 0x.. and should be 0x00",
    ("stale_calloc", RANDOM): r"\Aa = calloc\(\d+, \d+\)\nline 1, .*: byte \d+ is 0x.. and should be 0x00\Z",
    ("short_realloc", "realloc-contents"): r"growing, realloc from 48 to 49 bytes: byte 40 is 0x.. and should be 0x",
    ("short_realloc", RANDOM): r"\A(\w) = malloc\(\d+\)\n\1 = realloc\(\1, \d+\)\nline 2, .*byte \d+ is 0x00 and",
    (
        "unlocked",
        "threads",
    ): r"(gave one block to two owners at once, to thread|while 4 threads call at once|was written)",
}


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Subject]:
    folder = tmp_path_factory.mktemp("libraries")
    paths = {name: broken(name, folder) for name in BROKEN} | {"sound": library(SOUND, folder)}
    return {name: subject(activate(Candidate(library=path)), os.environ) for name, path in paths.items()}


@pytest.mark.parametrize(("name", "clause"), CAUGHT)
def test_caught_with_a_readable_counter_example(name: str, clause: str, subjects: dict[str, Subject]) -> None:
    (result,) = examine(subjects[name], [one for one in CLAUSES if one.id == clause], seed=0)
    assert result.outcome.is_broken
    assert re.search(CAUGHT[name, clause], result.detail), result.detail


def test_every_broken_library_is_among_them() -> None:
    assert {name for name, _ in CAUGHT} == set(BROKEN)


def test_the_sound_one_that_they_are_made_from_holds_every_clause(subjects: dict[str, Subject]) -> None:
    results = list(examine(subjects["sound"], CLAUSES, seed=0))
    assert [result.id for result in results] == [clause.id for clause in CLAUSES]
    assert [result for result in results if result.outcome is not Outcome.HELD] == []
