"""How waiting inside the allocator moves with the number of threads that are at it. Pure."""

import numpy as np
from numpy.typing import NDArray

from heapswap.profiling import followed, wire
from heapswap.profiling.estimate import FEWEST, share, total, waited
from heapswap.profiling.model import Contention


def contention(raw: wire.Raw, ticks: float) -> tuple[Contention, ...]:
    """A row for 1 thread, 2, 3 to 4, 5 to 8 and so on, where enough calls were timed at such a time; empty where timing
    did not last.

    Threads are at it that called malloc or free between two looks, 20 ms apart or more. What the last look
    found holds for the calls until the next, and the CPU time of the process until then is booked under the same. A new
    thread counts from its first call on.
    """
    samples = raw.samples
    if raw.total("refused"):
        return ()
    group = groups(samples["threads"])
    booked = np.array(raw.beyond.booked) * 1e-9
    if raw.beyond.threads:
        booked[groups(np.array([raw.beyond.threads], np.uint16))] += (
            max(raw.header.noted_cpu - raw.beyond.cpu, 0) * 1e-9
        )
    measured = waited(samples, raw.header, ticks)
    rows = []
    for place in range(followed.GROUPS):
        own = (group == place) & (samples["threads"] > 0)
        cpu = float(booked[place])
        waiting = total(measured.waiting[own], measured.drawn[own])
        wait = share(waiting, cpu + waiting.value)
        if own.sum() >= FEWEST and wait is not None:
            least, most = (1, 1) if place == 0 else ((1 << place - 1) + 1, 1 << place)
            rows.append(Contention(threads=least, up_to=most, samples=int(own.sum()), cpu=cpu, wait_share=wait))
    return tuple(rows)


def groups(threads: NDArray[np.uint16]) -> NDArray[np.int64]:
    """0 for one thread, 1 for two, 2 for 3 to 4, 3 for 5 to 8 and so on, as the probe books them."""
    power: NDArray[np.int64] = np.ceil(np.log2(np.maximum(threads, 1))).astype(np.int64)
    return np.minimum(power, followed.GROUPS - 1)
