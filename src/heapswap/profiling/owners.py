"""Whose the private memory of a process is, page by page: told by what stands at the beginning of each resident page.

- glibc's malloc: a block with a mapping of its own begins with its size and a flag (`struct malloc_chunk`,
  IS_MMAPPED); a heap of an arena begins at a multiple of 64 MiB with its arena and its size (`struct heap_info`).
- Python's own allocator: a pool begins, at a multiple of its size, with its size class and the offset at which its last
  block begins, which that class determines (`struct pool_header`, Objects/obmalloc.c).

Nothing else is claimed. The pages are read from outside, the first words of each only, and only those that are
resident, so that the process gets no page that it did not have.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PAGE = 4096
WORDS = 6
"""8 bytes each, read from every page"""
HEAP = 64 << 20
"""HEAP_MAX_SIZE of glibc on 64-bit machines"""
_POOLS = (16384, 4096)
"""bytes of a pool, since Python 3.10 and before"""
_CLASSES = 32
_HEADER = 48
_MAPPED, _FLAGS = 2, 7
_BATCH = 1024
"""IOV_MAX"""


class Owner(IntEnum):
    """Of a page."""

    UNKNOWN = 0
    MALLOC = 1
    PYTHON = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Resident pages of one mapping, in order of address."""

    end: int
    """of the mapping"""
    addresses: NDArray[np.uint64]
    words: NDArray[np.uint64]
    """the first of each page, shape (pages, `WORDS`); zero where they could not be read"""


def owners(pages: Pages, *, glibc: bool) -> NDArray[np.uint8]:
    """The `Owner` of each page. `glibc`: the malloc of the process is glibc's."""
    found = np.where(_in_pools(pages), Owner.PYTHON, Owner.UNKNOWN).astype(np.uint8)
    for start, end in _heaps_and_blocks(pages) if glibc else ():
        first, last = np.searchsorted(pages.addresses, np.array([start, end], np.uint64))
        found[first:last] = Owner.MALLOC
    return found


def used_in_pools(pages: Pages) -> int:
    """Bytes of the blocks in use in Python's pools."""
    lengths = (_classes(pages) + np.uint64(1)) * np.uint64(16)
    used = _low(pages.words[:, 0]) * lengths
    return sum(int(used[_begins_pool(pages, size)].sum()) for size in _POOLS)


def _in_pools(pages: Pages) -> NDArray[np.bool_]:
    """Which pages belong to one of Python's pools."""
    inside = np.zeros(len(pages.addresses), np.bool_)
    for size in _POOLS:
        starts = pages.addresses - pages.addresses % np.uint64(size)
        inside |= np.isin(starts, pages.addresses[_begins_pool(pages, size)])
    return inside


def _begins_pool(pages: Pages, size: int) -> NDArray[np.bool_]:
    """At which pages a pool of so many bytes begins."""
    classes, next_one, last_one = _classes(pages), _low(pages.words[:, 5]), _high(pages.words[:, 5])
    found: NDArray[np.bool_] = (
        (pages.addresses % np.uint64(size) == 0)
        & (classes < _CLASSES)
        & (last_one == size - (classes + np.uint64(1)) * np.uint64(16))
        & (next_one >= _HEADER)
        & (next_one <= size)
        & (_low(pages.words[:, 0]) <= size // 16)
    )
    return found


def _classes(pages: Pages) -> NDArray[np.uint64]:
    return pages.words[:, 4] >> np.uint64(32)


def _heaps_and_blocks(pages: Pages) -> Iterator[tuple[int, int]]:
    """Where heaps of arenas and blocks with mappings of their own are; what lies inside one is its content."""
    size = pages.words[:, 1]
    length = size & ~np.uint64(_FLAGS)
    is_block = (size & np.uint64(_FLAGS) == _MAPPED) & (length % np.uint64(PAGE) == 0) & (length >= PAGE)
    is_block &= (pages.words[:, 0] == 0) & (length <= np.uint64(pages.end) - pages.addresses)
    arena, used, opened = pages.words[:, 0], pages.words[:, 2], pages.words[:, 3]
    is_heap = (pages.addresses % np.uint64(HEAP) == 0) & (arena != 0) & (arena % np.uint64(16) == 0)
    is_heap &= (used % np.uint64(PAGE) == 0) & (used > 0) & (used <= opened) & (opened <= HEAP)
    lengths = np.where(is_heap, opened, length)
    reached = 0
    for place in np.flatnonzero(is_block | is_heap).tolist():
        start = int(pages.addresses[place])
        if start >= reached:
            reached = start + int(lengths[place])
            yield start, reached


def _low(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return words & np.uint64(0xFFFF_FFFF)


def _high(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return words >> np.uint64(32)


def read(process: int, start: int, end: int) -> Pages:
    """The resident pages of one mapping.

    Raises:
        OSError: the process is gone or may not be read.
    """
    with Path(f"/proc/{process}/pagemap").open("rb", buffering=0) as pagemap:
        pagemap.seek(start // PAGE * 8)
        flags = np.frombuffer(pagemap.read((end - start) // PAGE * 8), "<u8")
    addresses = np.flatnonzero(flags >> np.uint64(63)).astype(np.uint64) * np.uint64(PAGE) + np.uint64(start)
    words = np.zeros((len(addresses), WORDS), np.uint64)
    for first in range(0, len(addresses), _BATCH):
        _read_words(process, addresses[first : first + _BATCH], words[first : first + _BATCH])
    return Pages(end=end, addresses=addresses, words=words)


def _read_words(process: int, addresses: NDArray[np.uint64], to: NDArray[np.uint64]) -> None:
    """Fills `to`; a page that has gone meanwhile, and those after it, stay zero."""
    length = WORDS * 8
    theirs = np.empty((len(addresses), 2), np.uint64)
    theirs[:, 0], theirs[:, 1] = addresses, length
    ours = np.array([to.ctypes.data, to.nbytes], np.uint64)
    done = _LIBC.process_vm_readv(
        process, ctypes.c_void_p(ours.ctypes.data), 1, ctypes.c_void_p(theirs.ctypes.data), len(addresses), 0
    )
    if done < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"process {process} cannot be read")


_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.process_vm_readv.restype = ctypes.c_ssize_t
_LIBC.process_vm_readv.argtypes = [
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_ulong,
]
