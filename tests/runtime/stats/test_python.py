"""What Python says of its own allocator."""

import os
import subprocess
import sys

import pytest

import heapswap
from heapswap.runtime.stats.python import parsed

PYMALLOC = """# arenas allocated total           =                    9
# arenas reclaimed                 =                    2
# arenas highwater mark            =                    8
# arenas allocated current         =                    7
7 arenas * 1048576 bytes/arena     =            7,340,032

# bytes in allocated blocks        =            3,612,192
# bytes in available blocks        =              324,432
"""

MIMALLOC = """Small block threshold = 16384, in 73 size classes.
    Allocated Blocks: 17738
    Allocated Bytes: 2385784
    Allocated Bytes w/ Overhead: 2385784
    Bytes Reserved: 4669624
    Bytes Committed: 3176496
"""


def test_arenas_of_pymalloc() -> None:
    assert parsed(PYMALLOC) == {"arenas": 7, "mapped": 7340032, "allocated": 3612192}


def test_pythons_copy_of_mimalloc_has_no_arenas() -> None:
    assert parsed(MIMALLOC) == {"mapped": 3176496, "allocated": 2385784}


def test_nothing_written_is_nothing_known() -> None:
    assert parsed("") == {}


def test_live_objects_are_counted() -> None:
    before = heapswap.stats("full").python
    ballast = [object() for _ in range(200_000)]
    after = heapswap.stats("full").python
    assert before.blocks is not None
    assert after.blocks is not None
    assert after.blocks - before.blocks >= len(ballast)
    assert before.allocated is not None
    assert after.allocated is not None
    assert after.allocated - before.allocated >= len(ballast) * sys.getsizeof(ballast[0]) * 0.9
    assert after.mapped is not None
    assert after.mapped >= after.allocated
    assert after.arenas is not None
    assert after.arenas >= 1


@pytest.mark.parametrize(("setting", "name"), [("malloc", "malloc"), ("malloc_debug", "malloc_debug")])
def test_a_python_without_arenas_says_so(setting: str, name: str) -> None:
    program = (
        "import heapswap; taken = heapswap.stats('full'); "
        "print(taken.python.allocator, taken.python.blocks, taken.why('python.arenas'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONMALLOC": setting},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{name} None Python has no allocator of its own here")
    assert done.stderr == ""
