"""What makes a profile less than whole."""

import pytest

from heapswap.profiling import doubts
from heapswap.profiling.model import Process
from heapswap.profiling.profile import processes
from heapswap.profiling.wire import Flag
from tests.profiling.files import Slot, raw


def one(library: str = "/lib/x86_64-linux-gnu/libc.so.6", calls: int = 5, cpu: int = 0, refused: int = 0) -> Process:
    file = raw(
        Slot(classes={1: (calls, 0)}),
        library=library,
        noted_cpu=cpu,
        threads_refused=refused,
        flags=int(Flag.ENDED),
    )
    (process,) = processes([file], {}, {})
    return process


def codes(*processes: Process, unseen: tuple[str, ...] = (), expected: str | None = None) -> list[str]:
    return [finding.code for finding in doubts.of_processes(processes, unseen, expected)]


def test_a_whole_profile_has_none() -> None:
    assert codes(one(), one()) == []


@pytest.mark.parametrize(
    ("library", "expected", "answers"),
    [
        ("/lib/x86_64-linux-gnu/libc.so.6", "libc", True),
        ("/lib/ld-musl-x86_64.so.1", "libc", True),
        ("/lib/libjemalloc.so.2", "libc", False),
        ("/nowhere/libmimalloc.so", "/nowhere/libmimalloc.so", True),
        ("/nowhere/libmimalloc.so", "/nowhere/other.so", False),
        ("/nowhere/libmimalloc.so", None, True),
    ],
)
def test_whose_malloc_answered(library: str, expected: str | None, answers: bool) -> None:
    assert codes(one(library), expected=expected) == ([] if answers else ["not-in-force"])


def test_programs_that_wrote_nothing_are_named() -> None:
    (finding,) = doubts.of_processes([one()], ["/bin/static"], None)
    assert finding.code == "not-counted"
    assert "/bin/static" in finding.seen
    assert codes() == ["not-counted"]


def test_a_busy_program_without_malloc_is_wondered_at() -> None:
    assert codes(one(calls=0, cpu=10**9)) == ["own-malloc"]
    assert codes(one(calls=0, cpu=10**7)) == []


def test_threads_without_room_are_told() -> None:
    assert codes(one(refused=2)) == ["not-counted"]


@pytest.mark.parametrize(
    ("status", "signal", "said"), [(0, None, []), (3, None, ["exit status 3"]), (None, 11, ["signal 11"])]
)
def test_how_the_program_ended(status: int | None, signal: int | None, said: list[str]) -> None:
    assert [finding.seen.partition("with ")[2] for finding in doubts.of_run(status, signal, "/r")] == said
