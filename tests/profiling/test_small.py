"""Python's small objects, counted from outside in processes that know how many they have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heapswap.profiling.small import small_of, small_of_tree
from heapswap.profiling.wire import Flag
from tests.profiling.test_live import NOBODY, written

GROWS = """
import sys
kept = []
for line in sys.stdin:
    before = sys.getallocatedblocks()
    kept.append([object() for _ in range(int(line))])
    print(sys.getallocatedblocks() - before, sys.getsizeof(kept[0][0]), flush=True)
"""


def test_what_a_process_has_in_use_is_what_it_says() -> None:
    """Objects of 16 bytes: as many as it counts itself, up to what the interpreter does between two looks."""
    environ = {**os.environ, "PYTHONMALLOC": "pymalloc"}
    with subprocess.Popen(
        [sys.executable, "-c", GROWS], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as python:
        assert python.stdin is not None
        assert python.stdout is not None

        def grown(count: int) -> int:
            assert python.stdin is not None
            assert python.stdout is not None
            print(count, file=python.stdin, flush=True)
            return int(python.stdout.readline().split()[0])

        grown(1000)
        before = small_of(python.pid)
        blocks = grown(100_000)
        after = small_of(python.pid)
        python.stdin.close()
    assert before > 100_000
    assert after - before == pytest.approx(16 * blocks, rel=0.02)


def test_a_python_without_arenas_of_its_own_has_none(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONMALLOC": "malloc"}
    with subprocess.Popen(
        [sys.executable, "-c", GROWS], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as python:
        written(tmp_path, "a", live=1, process=python.pid)
        assert python.stdin is not None
        assert python.stdout is not None
        print(1000, file=python.stdin, flush=True)
        python.stdout.readline()
        assert small_of_tree(tmp_path) is None
        python.stdin.close()


def test_processes_that_are_there_add_up(tmp_path: Path) -> None:
    written(tmp_path, "a", live=1, process=os.getpid())
    written(tmp_path, "gone", live=1, process=NOBODY)
    written(tmp_path, "b", live=5, process=os.getppid(), flags=Flag.LIVE_COUNTED | Flag.ENDED)
    assert small_of_tree(tmp_path) == pytest.approx(small_of(os.getpid()), rel=0.2)
    assert small_of_tree(tmp_path / "none") is None
