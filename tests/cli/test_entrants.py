"""Who takes part in a trial, and what is said of the others before anything runs."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from heapswap.allocators.spelling import parse
from heapswap.cli.entrants import Entrants, NobodyEnters, enter
from heapswap.errors import CannotGoOn, Misuse
from heapswap.inspection.program import resolve
from heapswap.trials.arms import LIBC
from tests.inspection.programs import PRINTS_FRESH_BLOCK, build

NONE = "/nonexistent/liballocator.so"


def entrants(
    *spellings: str, program: str | Path = "/bin/sh", baseline: str = "current", environ: dict[str, str] | None = None
) -> Entrants:
    surroundings = {"PATH": os.environ["PATH"]} if environ is None else environ
    found = resolve(str(program), surroundings, "/")
    return enter(map(parse, spellings), found, surroundings, baseline)


def names(candidates: Iterable[object]) -> list[str]:
    return [str(candidate) for candidate in candidates]


def test_the_baseline_comes_first_and_candidates_keep_their_order() -> None:
    found = entrants("mimalloc", "system:arena_max=2")
    assert list(found.arms) == ["current", "mimalloc", "system:arena_max=2"]
    assert names(found.candidates) == ["mimalloc", "system:arena_max=2"]
    assert [arm.expected for arm in found.arms.values()][::2] == [None, LIBC]
    assert found.not_tried == ()


def test_a_candidate_takes_part_once_and_never_as_its_own_baseline() -> None:
    found = entrants("mimalloc", "system", "mimalloc", "mimalloc+secure+secure", "mimalloc+secure", baseline="system")
    assert list(found.arms) == ["system", "mimalloc", "mimalloc+secure"]


def test_the_baseline_is_named_canonically() -> None:
    assert list(entrants("mimalloc", baseline="mimalloc+secure+secure").arms) == ["mimalloc+secure", "mimalloc"]


def test_a_candidate_that_is_not_here_is_not_tried_and_says_why() -> None:
    found = entrants(NONE, "mimalloc")
    assert names(found.candidates) == ["mimalloc"]
    assert found.not_tried == (
        (NONE, f"{NONE} does not exist; 'heapswap allocators' lists the libraries that are here"),
    )


def test_a_static_program_is_not_tried_at_all_because_no_run_could_prove_anything(tmp_path: Path) -> None:
    program = build(tmp_path, "static", PRINTS_FRESH_BLOCK, "-static")
    with pytest.raises(NobodyEnters) as caught:
        entrants("mimalloc", "system:arena_max=2", program=program)
    reasons = dict(caught.value.refused)
    assert list(reasons) == ["mimalloc", "system:arena_max=2"]
    assert reasons["mimalloc"].startswith("static is statically linked: no loader runs, so nothing can be preloaded; ")
    assert "no run of it can prove that a setting was obeyed" in reasons["system:arena_max=2"]


def test_a_candidate_that_cannot_be_meant_is_misuse_and_not_left_out() -> None:
    with pytest.raises(Misuse, match="'mimallok' is no allocator"):
        entrants("mimalloc", "mimallok")
    with pytest.raises(Misuse, match="no knob 'purge_dela'; did you mean purge_delay"):
        entrants("mimalloc:purge_dela=1")


def test_where_nobody_can_run_the_first_reason_is_the_answer(tmp_path: Path) -> None:
    program = build(tmp_path, "static", PRINTS_FRESH_BLOCK, "-static")
    with pytest.raises(CannotGoOn) as caught:
        entrants("mimalloc", NONE, program=program)
    assert str(caught.value).startswith("no candidate can be run: mimalloc: static is statically linked: ")
    with pytest.raises(Misuse, match=r"^every candidate is the baseline, system; name another with --candidates$"):
        entrants("system", baseline="system")


def test_a_baseline_that_cannot_take_effect_ends_it(tmp_path: Path) -> None:
    program = build(tmp_path, "static", PRINTS_FRESH_BLOCK, "-static")
    with pytest.raises(CannotGoOn, match=r"^the baseline mimalloc cannot be run: static is statically linked"):
        entrants("system:arena_max=2", program=program, baseline="mimalloc")
    with pytest.raises(CannotGoOn, match=f"^{NONE} does not exist"):
        entrants("mimalloc", baseline=NONE)
