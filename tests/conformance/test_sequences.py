"""Random programs: every list of moves can be played, and a search finds what is wrong and shrinks it."""

import builtins
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.conformance import sequences
from heapswap.conformance.child import Ended, Subject
from heapswap.conformance.clauses import CLAUSES, RANDOM
from heapswap.conformance.model import Outcome
from heapswap.conformance.sequences import Move, search, text

CLAUSE = next(clause for clause in CLAUSES if clause.id == RANDOM)
NOBODY = Subject(program="", expected="-", environ={})
LINE = re.compile(
    r"(thread [12]: )?((?P<name>[a-f]) = (?P<call>malloc|calloc|realloc|memalign|posix_memalign|aligned_alloc)\((.*)\)"
    r"|free\((?P<freed>[a-f])\))"
)
moves = st.lists(
    st.builds(
        Move,
        function=st.sampled_from(("malloc", "calloc", "posix_memalign", "memalign", "aligned_alloc")),
        name=st.sampled_from("abc"),
        size=st.integers(0, 5000),
        count=st.integers(1, 7),
        alignment=st.sampled_from((8, 64, 4096)),
        is_resized=st.booleans(),
        thread=st.integers(0, 2),
    )
)


@given(moves)
def test_every_move_is_a_line_that_makes_sense_where_it_stands(made: list[Move]) -> None:
    lines = text(made).splitlines()
    assert len(lines) == len(made)
    live: set[str] = set()
    for line in lines:
        match = LINE.fullmatch(line)
        assert match, line
        if match["freed"]:
            live.remove(match["freed"])
        elif match["call"] == "realloc":
            assert match["name"] in live
        else:
            assert match["name"] not in live
            live.add(match["name"])


@given(moves)
def test_aligned_alloc_is_asked_for_whole_multiples(made: list[Move]) -> None:
    for alignment, size in re.findall(r"aligned_alloc\((\d+), (\d+)\)", text(made)):
        assert int(size) % int(alignment) == 0


def double(is_wrong: Any) -> Any:
    def ask(under: Subject, *question: str, patience: float, text: str = "") -> Ended:
        assert question == ("play",)
        wrong = is_wrong(text)
        return Ended(word="deviates" if wrong else "held", detail=wrong or "", said="", killer="", is_hung=False)

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
        return Ended(word="crashed", detail="SIGSEGV in free(0x10)", said="", killer="SIGSEGV", is_hung=False)

    result = search(CLAUSE, NOBODY, seed=0, ask=ask)
    assert result.outcome is Outcome.CRASHED
    assert result.detail.endswith("\nSIGSEGV in free(0x10)")


def test_without_hypothesis_the_clause_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("hypothesis"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    result = search(CLAUSE, NOBODY, seed=0, ask=double(lambda _: ""))
    assert (result.outcome, result.detail) == (Outcome.NOT_APPLICABLE, sequences.MISSING)
