"""Heaps that are loaded late, where allocators break: forks, threads that end, another allocator preloaded."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.native.support import ALLOCATORS, ROOT, compiled, library, preloading

HERE = Path(__file__).parent
HEAPS = ("heap_mimalloc", "heap_mimalloc_secure", "heap_jemalloc", "heap_snmalloc", "heap_system")
CANDIDATES = ("system", "mimalloc", "mimalloc@2", "mimalloc+secure", "jemalloc", "snmalloc", "tcmalloc")

# All of it in one process: blocks of every heap, threads, NumPy arrays, buffers, and children that go on with them.
PROGRAM = """
import os, threading
from functools import partial
from heapswap import buffer, numpy_allocator
from tests.runtime.support import ALLOCATORS, in_threads
from tests.runtime.test_arrays import round_of_arrays
from tests.runtime.test_heaps import churn

def everything():
    in_threads(*(partial(churn, number) for number in range(3)))
    in_threads(*(partial(round_of_arrays, allocator, 7, 60) for allocator in ALLOCATORS))
    for allocator in ALLOCATORS:
        with buffer(5000, allocator, align=4096, zeroed=True) as view:
            assert bytes(view) == bytes(5000)

kept = [buffer(300, allocator) for allocator in ALLOCATORS]
everything()
stop = threading.Event()

def busy():
    while not stop.is_set():
        churn(11, rounds=20)

threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(3):
    child = os.fork()
    if child == 0:
        kept.clear()
        everything()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
everything()
print("done")
"""


@pytest.fixture(scope="module")
def stress(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(HERE / "late_heap_stress.c", tmp_path_factory.mktemp("late_heap_stress"), "-ldl")


def forks(stress: Path, heap: str, environ: Mapping[str, str]) -> None:
    process = subprocess.Popen(
        [stress, library(heap)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        # The time limit only turns a hang into a failure; a run takes a second or two.
        stdout, stderr = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        # A child that hangs would outlive its parent.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        pytest.fail(f"a fork beside {heap} hangs")
    assert (stdout, stderr) == ("150 forks, 0 failed, 0 wrong blocks\n0 misplaced\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize("heap", HEAPS)
def test_forks_while_threads_use_a_late_heap(heap: str, stress: Path) -> None:
    forks(stress, heap, os.environ)


@pytest.mark.acceptance
@pytest.mark.parametrize("preloaded", ALLOCATORS)
@pytest.mark.parametrize("heap", HEAPS)
def test_forks_beside_a_preloaded_allocator(heap: str, preloaded: str, stress: Path) -> None:
    forks(stress, heap, preloading(preloaded))


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_late_heaps_under_heapswap_run(candidate: str) -> None:
    command = [sys.executable, "-m", "heapswap", "run", candidate, "--", sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
