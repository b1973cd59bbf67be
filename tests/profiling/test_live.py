"""Live bytes of a tree, from files made by hand."""

import os
from pathlib import Path

from heapswap.profiling.live import headers, live_of_tree
from heapswap.profiling.wire import Flag
from tests.profiling.files import Slot, parts

NOBODY = 4_194_305
"""above the largest process number of a kernel"""


def written(
    folder: Path, name: str, *, live: int, process: int, begun: int = 1, flags: Flag = Flag.LIVE_COUNTED
) -> None:
    head, slots, _ = parts(
        Slot(numbers={"live": live}), header={"process": process, "begun": begun, "flags": int(flags)}
    )
    (folder / f"{name}.probe").write_bytes(head + slots)


def test_processes_that_are_there_add_up(tmp_path: Path) -> None:
    written(tmp_path, "a", live=100, process=os.getpid())
    written(tmp_path, "b", live=50, process=os.getppid())
    written(tmp_path, "gone", live=7, process=NOBODY)
    assert live_of_tree(tmp_path) == 150


def test_after_an_exec_the_later_file_counts(tmp_path: Path) -> None:
    written(tmp_path, "a", live=100, process=os.getpid(), begun=1)
    written(tmp_path, "b", live=3, process=os.getpid(), begun=2)
    assert live_of_tree(tmp_path) == 3
    assert [header.begun for _, header in headers(tmp_path)] == [2]


def test_what_has_ended_holds_nothing(tmp_path: Path) -> None:
    written(tmp_path, "a", live=100, process=os.getpid())
    written(tmp_path, "b", live=5, process=os.getppid(), flags=Flag.LIVE_COUNTED | Flag.ENDED)
    assert live_of_tree(tmp_path) == 100


def test_live_bytes_that_one_process_does_not_count_are_not_known(tmp_path: Path) -> None:
    assert live_of_tree(tmp_path) is None
    written(tmp_path, "a", live=100, process=os.getpid())
    written(tmp_path, "b", live=0, process=os.getppid(), flags=Flag(0))
    assert live_of_tree(tmp_path) is None


def test_another_file_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, "a", live=100, process=os.getpid())
    (tmp_path / "b.probe").write_bytes(b"something else")
    assert live_of_tree(tmp_path) == 100
