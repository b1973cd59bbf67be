"""Which module speaks to which allocator: one table."""

from dataclasses import fields
from typing import Protocol

from heapswap.runtime.stats import glibc, jemalloc, mimalloc, snmalloc, tcmalloc
from heapswap.runtime.stats.answering import Answering
from heapswap.runtime.stats.model import Detail, Heap


class Family(Protocol):
    """What every one of these modules has."""

    def version(self, answering: Answering) -> str:
        """As the allocator says itself; empty when it does not."""

    def read(self, answering: Answering, detail: Detail) -> Heap:
        """Its figures now."""

    def release(self, answering: Answering) -> str:
        """Give back what can be given back; the name of the function that was called, empty when there is none."""


class _Silent:
    """An allocator that says nothing: musl's own, and those that nobody knows."""

    def version(self, answering: Answering) -> str:  # noqa: ARG002
        return ""

    def read(self, answering: Answering, detail: Detail) -> Heap:  # noqa: ARG002
        why = f"{answering.family} gives no figures" if answering.family != "unknown" else "the allocator is not known"
        return Heap(unknown=tuple((one.name, why) for one in fields(Heap) if one.name != "unknown"))

    def release(self, answering: Answering) -> str:  # noqa: ARG002
        return ""


_SILENT = _Silent()
_FAMILIES: dict[str, Family] = {
    "glibc": glibc,
    "jemalloc": jemalloc,
    "mimalloc": mimalloc,
    "snmalloc": snmalloc,
    "tcmalloc": tcmalloc,
}


def of(answering: Answering) -> Family:
    """The module that speaks to the allocator in force."""
    return _FAMILIES.get(answering.family, _SILENT)
