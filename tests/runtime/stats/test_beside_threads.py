"""Statistics and releases while other threads allocate and the process forks: nothing hangs, crashes or is lost."""

import os
import subprocess
import sys

import pytest

from tests.runtime.stats.children import LIBRARIES

PROGRAM = """
import os, threading
import heapswap

stop, kept, wrong = threading.Event(), [], []

def work(number):
    mine = {}
    for turn in range(10**9):
        if stop.is_set():
            break
        place, size = turn * 7919 % 400, 600 + turn * 104729 % 60000
        old = mine.get(place)
        if old is not None and old != bytes([number]) * len(old):
            wrong.append((number, place))
        mine[place] = bytes([number]) * size
    kept.append(len(mine))

threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
for turn in range(25):
    taken = heapswap.stats("full" if turn % 3 == 0 else "totals")
    assert taken.process.resident > 0
    if turn % 10 == 0:
        heapswap.release()
    if turn % 12 == 0:
        child = os.fork()
        if not child:
            heapswap.stats("full")
            heapswap.release()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
print(wrong, len(kept))
"""


@pytest.mark.parametrize("name", LIBRARIES)
def test_threads_and_forks_go_on(name: str) -> None:
    library = LIBRARIES[name]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "LD_PRELOAD": str(library or "")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[] 3\n", "")
