"""An arm is a candidate's whole environment, and whose malloc has to answer in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from heapswap.allocators.activation import activate
from heapswap.allocators.model import Activation
from heapswap.allocators.spelling import parse
from heapswap.trials.arms import LIBC, arm, built
from heapswap.workload import Build

MINE = {"PATH": "/usr/bin", "MALLOC_ARENA_MAX": "7", "LD_PRELOAD": "/opt/other.so", "MIMALLOC_PURGE_DELAY": "3"}


def activated(spelling: str) -> Activation:
    return activate(parse(spelling))


def test_what_runs_today_is_not_touched_and_whatever_answers_is_right() -> None:
    current = arm(activated("current"), MINE)
    assert (current.spelling, current.environ, current.expected) == ("current", MINE, None)


def test_the_c_librarys_own_malloc_must_answer_for_it() -> None:
    system = arm(activated("system:arena_max=2"), MINE)
    assert (system.spelling, system.expected) == ("system:arena_max=2", LIBC)
    assert system.environ == {
        "PATH": "/usr/bin",
        "MALLOC_ARENA_MAX": "2",
        "LD_PRELOAD": "/opt/other.so",
        "MIMALLOC_PURGE_DELAY": "3",
    }


def test_a_library_replaces_the_present_allocator_and_its_knobs() -> None:
    mimalloc = activated("mimalloc:purge_delay=0")
    assert mimalloc.library is not None
    path = mimalloc.library.path
    there = {**MINE, "LD_PRELOAD": f"/opt/other.so:{path}"}
    result = arm(mimalloc, there)
    assert result.expected == str(Path(path).resolve())
    assert result.environ["LD_PRELOAD"].split(":").count(path) == 1
    assert "/opt/other.so" in result.environ["LD_PRELOAD"].split(":")
    assert result.environ["MIMALLOC_PURGE_DELAY"] == "0"
    assert "MALLOC_ARENA_MAX" not in result.environ


def test_a_library_is_expected_by_its_real_path(tmp_path: Path) -> None:
    """The process says where the file is, not what the link to it is called."""
    mimalloc = activated("mimalloc")
    assert mimalloc.library is not None
    link = tmp_path / "link.so"
    link.symlink_to(mimalloc.library.path)
    linked = arm(replace(mimalloc, library=replace(mimalloc.library, path=str(link))), {})
    assert linked.expected == str(Path(mimalloc.library.path).resolve())
    assert linked.environ["LD_PRELOAD"] == str(link)


@pytest.mark.parametrize("spelling", ["current", "system", "mimalloc"])
def test_the_users_environment_is_left_as_it_is(spelling: str) -> None:
    before = dict(MINE)
    arm(activated(spelling), MINE)
    assert before == MINE


def test_a_build_is_another_program_in_the_same_environment(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "app")
    build = Build(candidate="mimalloc", program=str(tmp_path / "link"), digest="", command=())
    made = built(build, MINE)
    assert (made.spelling, made.environ) == ("mimalloc", MINE)
    assert made.expected == made.program == str(tmp_path / "app")
