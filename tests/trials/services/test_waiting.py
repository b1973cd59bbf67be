"""Time in the run queue, added up from looks at a tree."""

import os
import subprocess
import sys

import pytest

from heapswap.trials.services.waiting import Waiting, queued


def test_only_what_is_waited_between_two_looks_counts() -> None:
    waiting = Waiting()
    assert waiting.share is None
    waiting.look(10.0, {1: 5.0, 2: 1.0})
    assert waiting.share is None
    waiting.look(10.5, {1: 5.25, 2: 1.5, 3: 7.0})  # the third thread is new
    assert waiting.share == pytest.approx(1.5)
    waiting.look(11.0, {3: 7.0})  # the others have ended
    assert waiting.share == pytest.approx(0.75)


def test_every_thread_of_a_tree_has_its_time() -> None:
    """A process with two threads, and its child with one; nothing is left of them when they have ended."""
    child = "import sys; print(1, flush=True); sys.stdin.read()"
    text = (
        "import subprocess, sys, threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        f"subprocess.run([sys.executable, '-c', {child!r}])"
    )
    with subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        found = queued(parent.pid)
        parent.communicate()
    assert len(found) == 3
    assert parent.pid in found
    assert all(waited >= 0 for waited in found.values())
    assert queued(parent.pid) == {}


def test_what_waits_for_a_core_is_seen_to() -> None:
    """Two programs that count on one core: each waits while the other counts."""
    core = min(os.sched_getaffinity(0))
    count = f"import os; os.sched_setaffinity(0, [{core}]); print(1, flush=True)\nwhile True: pass"
    both = [subprocess.Popen([sys.executable, "-c", count], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for one in both:
            assert one.stdout is not None
            one.stdout.readline()
        before = [queued(one.pid)[one.pid] for one in both]
        while not all(queued(one.pid)[one.pid] > then for one, then in zip(both, before, strict=True)):
            pass
    finally:
        for one in both:
            one.kill()
            one.communicate()
