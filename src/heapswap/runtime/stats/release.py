"""`heapswap.release`: give back what can be given back, and measure it."""

import time

from heapswap.runtime.stats import families, process
from heapswap.runtime.stats.answering import answering
from heapswap.runtime.stats.model import Detail, Released


def release() -> Released:
    """Ask the allocator in force to give free memory back to the kernel, and measure what that moved.

    The resident set is read before and after, so what other threads allocate meanwhile is in the difference. Nothing is
    collected beforehand: `gc.collect` runs the finalisers of the program, and is for the program to call. What Python's
    own arenas hold is not touched; Python gives an arena back by itself once it is empty.

    Costs what the allocator needs to walk its free memory, typically milliseconds a 100 MB, and the page faults of what
    is used again later: something for after a burst, not for every request.
    """
    who = answering()
    family = families.of(who)
    before = process.read(Detail.FULL)
    began = time.perf_counter()
    how = family.release(who)
    seconds = time.perf_counter() - began
    return Released(allocator=who.family, how=how, before=before, after=process.read(Detail.FULL), seconds=seconds)
