"""A search through random programs finds what is wrong, and shrinks it."""

import re
from pathlib import Path
from typing import Any

import pytest

from heapswap.conformance import sequences
from heapswap.conformance.child import Ended, Subject
from heapswap.conformance.clauses import CLAUSES, RANDOM
from heapswap.conformance.model import Outcome
from heapswap.conformance.sequences import search

CLAUSE = next(clause for clause in CLAUSES if clause.id == RANDOM)
NOBODY = Subject(program="", expected="-", environ={})


def double(is_wrong: Any) -> Any:
    def ask(under: Subject, *question: str, patience: float, text: str = "") -> Ended:
        assert question == ("play",)
        wrong = is_wrong(text)
        return Ended(
            word="deviates" if wrong else "held", detail=wrong or "", said="", killer="", is_hung=False, patience=1
        )

    return ask


def test_what_is_wrong_is_shrunk_to_the_lines_that_show_it() -> None:
    def loses_large_blocks(program: str) -> str:
        sizes = [int(size) for size in re.findall(r"realloc\(\w, (\d+)\)", program)]
        return "lost" if any(size >= 4000 for size in sizes) else ""

    result = search(CLAUSE, NOBODY, seed=0, ask=double(loses_large_blocks))
    assert result.outcome is Outcome.DEVIATES
    *program, seen = result.detail.splitlines()
    assert len(program) == 2
    assert re.fullmatch(r"a = realloc\(a, \d+\)", program[1])
    assert seen == "lost"


def test_the_same_seed_finds_the_same() -> None:
    def wrong(program: str) -> str:
        return "wrong" if "calloc(3" in program else ""

    first, second = (search(CLAUSE, NOBODY, seed=5, ask=double(wrong)) for _ in range(2))
    assert first == second
    assert first.outcome is Outcome.DEVIATES


def test_what_goes_wrong_only_between_threads_is_found_too() -> None:
    result = search(CLAUSE, NOBODY, seed=0, ask=double(lambda program: "race" if "thread 2: free" in program else ""))
    assert result.outcome is Outcome.DEVIATES
    assert len(result.detail.splitlines()) == 3


def test_nothing_wrong_is_held() -> None:
    asked: list[str] = []

    def nothing(program: str) -> str:
        asked.append(program)
        return ""

    result = search(CLAUSE, NOBODY, seed=0, ask=double(nothing))
    assert result.outcome is Outcome.HELD
    assert len(asked) >= 2 * sequences.EXAMPLES


def test_what_does_not_happen_again_is_told_all_the_same() -> None:
    calls = iter([True] * 3)
    result = search(CLAUSE, NOBODY, seed=0, ask=double(lambda _: "once" if next(calls, False) else ""))
    assert result.outcome is Outcome.DEVIATES
    assert "not this time" in result.detail


def test_a_child_that_dies_is_a_crash() -> None:
    def ask(under: Subject, *question: str, patience: float, text: str = "") -> Ended:
        return Ended(
            word="crashed", detail="SIGSEGV in free(0x10)", said="", killer="SIGSEGV", is_hung=False, patience=1
        )

    result = search(CLAUSE, NOBODY, seed=0, ask=ask)
    assert result.outcome is Outcome.CRASHED
    assert result.detail.endswith("\nSIGSEGV in free(0x10)")


def test_without_hypothesis_the_clause_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "find_spec", lambda _: None)
    result = search(CLAUSE, NOBODY, seed=0, ask=double(lambda _: ""))
    assert (result.outcome, result.detail) == (Outcome.NOT_APPLICABLE, sequences.MISSING)


def test_nothing_is_left_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    search(CLAUSE, NOBODY, seed=0, ask=double(lambda _: ""))
    assert list(tmp_path.iterdir()) == []
