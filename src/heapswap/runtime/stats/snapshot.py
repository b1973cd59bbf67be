"""`heapswap.stats`: one snapshot, whatever allocator is in force."""

import time
from dataclasses import fields

from heapswap.runtime.stats import families, process, python
from heapswap.runtime.stats.answering import answering
from heapswap.runtime.stats.model import Detail, Heap, Snapshot


def stats(detail: Detail | str = Detail.TOTALS) -> Snapshot:
    """What the allocator in force, Python and the kernel say of this process's memory now.

    Works on whatever ``malloc`` answers, swapped or not. Sizes are bytes; a figure that cannot be given is None, and
    `Snapshot.why` says why. Nothing is ever loaded, written or changed for it.

    Raises:
        ValueError: `detail` is neither ``"totals"`` nor ``"full"``.
    """
    began = time.perf_counter()
    detail = Detail(detail)
    who = answering()
    family = families.of(who)
    heap = family.read(who, detail)
    return Snapshot(
        **{one.name: getattr(heap, one.name) for one in fields(Heap)},
        allocator=who.family,
        version=family.version(who),
        library=who.path,
        python=python.read(detail),
        process=process.read(detail),
        seconds=time.perf_counter() - began,
    )
