"""What the tests of the runtime room share."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from heapswap import Jemalloc, MiMalloc, MiMallocSecure, SnMalloc, System
from heapswap.runtime.heaps import Heap

HEAPS: tuple[Heap, ...] = (MiMalloc(), MiMallocSecure(), Jemalloc(), SnMalloc())
ALLOCATORS: tuple[System | Heap, ...] = (System(), *HEAPS)


def name(allocator: object) -> str:
    """A short name for a test's id."""
    return type(allocator).__name__


def in_threads(*works: Callable[[], None]) -> None:
    """Run all at the same time and wait until their threads are really gone; what one of them raises is raised here."""
    failed: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    before = _threads()
    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Python joins a thread that the system has yet to end, and its caches go back only then.
    while not set(_threads()) <= set(before):
        time.sleep(0.001)
    if failed:
        raise failed[0]


def _threads() -> Sequence[str]:
    """The threads of this process, as the kernel numbers them."""
    return [task.name for task in Path("/proc/self/task").iterdir()]
