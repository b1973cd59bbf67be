"""What the first touch of memory costs on this machine, now: by the page, and by the huge page."""

import mmap
import time
from statistics import median

import numpy as np

from heapswap.profiling.model import FirstTouch

SIZE = 4 << 20
"""bytes that are touched at a time: no free memory has to be looked for"""
ALIGNED = 2 << 20
"""bytes to which huge pages are aligned at most, on machines with pages of 4 KiB"""
TIMES = 9


def measure() -> FirstTouch | None:
    """CPU seconds a page, fault, zeroing and unmapping included; None where the kernel knows no huge pages."""
    try:
        small, huge = zip(
            *((_touch(mmap.MADV_NOHUGEPAGE), _touch(mmap.MADV_HUGEPAGE)) for _ in range(TIMES)), strict=True
        )
    except (AttributeError, OSError):
        return None
    return FirstTouch(small=median(small), huge=median(huge))


def widest(before: FirstTouch | None, after: FirstTouch | None) -> FirstTouch | None:
    """Of two measurements the dearer small page and the cheaper huge one: what is between them is an upper limit."""
    if before is None or after is None:
        return None
    return FirstTouch(small=max(before.small, after.small), huge=min(before.huge, after.huge))


def _touch(advice: int) -> float:
    with mmap.mmap(-1, SIZE + ALIGNED, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as mapping:
        mapping.madvise(advice)
        memory = np.frombuffer(mapping, dtype=np.uint8)
        start = -memory.ctypes.data % ALIGNED
        pages = memory[start : start + SIZE : mmap.PAGESIZE]
        began = time.thread_time()
        pages[:] = 1
        del pages, memory  # nothing may point into it when it is unmapped
        mapping.madvise(mmap.MADV_DONTNEED)
        return (time.thread_time() - began) / (SIZE / mmap.PAGESIZE)
