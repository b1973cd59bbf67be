"""The probe's files, read: one process each. `native/probe/src/layout.rs` describes them bit by bit.

A file may be read while its process runs or after it was killed: every number in it is complete at any moment.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heapswap.profiling.followed import BEYOND, RECORD, Beyond, beyond, lives, timed

MAGIC = b"heapprob"
VERSION = 2
SUFFIX = ".probe"

HEADER = 8192
SLOT = 4096
SAMPLES = 8 << 20
"""where the sample pages begin"""
SAMPLE_PAGE = 4096
STACKS = 18 << 20
"""where the stacks begin, which `native/symbolise` reads"""
LONGEST = STACKS + (16 << 20)
"""bytes of a file that is full"""
_STACKS_MAGIC = b"heapstck"
_COPYING = 96
MOST_PAGES = 2048
MOST_SLOTS = (SAMPLES - HEADER) // SLOT
CALL = 512
"""units that a call counts in the drawing of samples, beside its bytes"""
LARGE = np.uint8(1 << 7)
"""of a record's scale: it was drawn by itself, with probability 2^-(scale without it)"""
SLOW = 1500
"""ticks from which a sample says where the time went"""
ADDITIONS = 64
"""allocations with their frees that `Header.cost_additions` is of"""
CLASSES = 64
FUNCTIONS = 16

_NUMBERS = struct.Struct("<8s15Q3qQ11Q")
_PATH = 2048
_PROGRAM = 256
_LIBRARY = _PROGRAM + _PATH
_ARGUMENTS = _LIBRARY + _PATH
_TALLY = np.dtype([("calls", "<u8"), ("bytes", "<u8")])
_SLOT = np.dtype(
    [
        ("owner", "<u8"),
        ("thread", "<u8"),
        ("frees", "<u8"),
        ("failed", "<u8"),
        ("moved", "<u8"),
        ("grown", "<u8"),
        ("live", "<i8"),
        ("high", "<i8"),
        ("published", "<i8"),
        ("countdown", "<i8"),
        ("random", "<u8"),
        ("scale", "<u8"),
        ("page", "<u8"),
        ("sampled", "<u8"),
        ("refused", "<u8"),
        ("asked", "<u8"),
        ("functions", _TALLY, FUNCTIONS),
        ("classes", _TALLY, CLASSES),
        ("rest", "<u8", 336),
    ]
)
_RECORDS = 127
_PAGE = np.dtype([("records", "<u8"), ("unused", "<u8", 3), ("record", RECORD, _RECORDS)])


class Flag(IntFlag):
    """What the header says of the whole file."""

    LIVE_COUNTED = 1
    INHERITED_EXACTLY = 2
    ENDED = 4


class Function(IntEnum):
    """The place of a function in a slot."""

    MALLOC = 0
    CALLOC = 1
    REALLOC = 2
    REALLOCARRAY = 3
    MEMALIGN = 4
    ALIGNED_ALLOC = 5
    POSIX_MEMALIGN = 6
    VALLOC = 7
    PVALLOC = 8
    CFREE = 9
    FREE_SIZED = 10
    FREE_ALIGNED_SIZED = 11
    FREE = 12


ALLOCATING = tuple(function for function in Function if function < Function.CFREE)


class NotAProbeFile(ValueError):
    """The bytes are no file of the probe, or one that a newer heapswap wrote, or one that was hardly begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The process. Times in nanoseconds, memory in bytes."""

    process: int
    parent: int
    forks: int
    """since the last exec"""
    flags: Flag
    begun_epoch: int
    begun: int
    """of the monotonic clock, like `noted`"""
    begun_cpu: int
    """CPU the process had used when the file was begun, and `noted_cpu`: when it was last noted"""
    noted: int
    noted_cpu: int
    quantum: int
    threads: int
    slots: int
    threads_refused: int
    children_refused: int
    live: int
    peak: int
    inherited: int
    boot: int
    sample_pages: int
    begun_ticks: int
    noted_ticks: int
    cost_timing: int
    """ticks that timing a call of nothing takes"""
    cost_additions: int
    """ticks that the additions of 64 allocations with their frees take"""
    cost_look: int
    """ticks that a close look takes beside the call looked at"""
    cost_life: int
    """ticks that following a block to its end takes"""
    crowd: int
    sampling: int
    """ticks that samples took beside the calls looked at, copies of stacks left out"""
    cost_size: int
    """ticks that a look at the size of a block takes at least, and one; 0: there was none"""
    cost_timing_open: int
    """as `cost_timing`, where the call may begin while the counter is read; 0: it was not measured"""
    program: str
    library: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """One file: the header, and structured arrays of its slots, its samples and the lives of sampled blocks."""

    name: str
    header: Header
    slots: NDArray[np.void]
    samples: NDArray[np.void]
    """``size``, ``ticks``, ``scale``, ``function``, ``voluntary``, ``involuntary``, ``faults``, ``cpu`` (nanoseconds)
    and ``threads``"""
    lives: NDArray[np.void]
    beyond: Beyond
    copying: int = 0
    """nanoseconds of CPU that copying stacks took"""

    def total(self, field: str) -> int:
        """The sum of one number over the slots."""
        return int(self.slots[field].sum())

    def tallies(self, field: str) -> NDArray[np.uint64]:
        """``functions`` or ``classes``: calls and bytes, shape (tallies, 2), summed over the slots."""
        table = self.slots[field]
        return np.stack([table["calls"].sum(axis=0), table["bytes"].sum(axis=0)], axis=1)


def upper_limits() -> tuple[int, ...]:
    """The largest size of each class, bytes; the last class has none, and its limit is that of its own half power."""
    limits = [8]
    for power in range(3, 3 + CLASSES):
        limits += [3 << (power - 1), 2 << power]
    return tuple(limits[:CLASSES])


def decode(name: str, head: bytes, slots: bytes = b"", pages: bytes = b"", behind: bytes = b"") -> Raw:
    """The content of the file `name`: the first `HEADER` bytes, those of its slots, of its sample pages, and the rest.

    Raises:
        NotAProbeFile: it is something else.
    """
    header = decode_header(head)
    whole = min(header.slots, len(slots) // SLOT)
    used = min(header.sample_pages, len(pages) // SAMPLE_PAGE)
    table = np.frombuffer(pages, _PAGE, used)
    used_of = [page["record"][: min(int(page["records"]), _RECORDS)] for page in table]
    records = np.concatenate(used_of) if used_of else np.empty(0, RECORD)
    return Raw(
        name=name,
        header=header,
        slots=np.frombuffer(slots, _SLOT, whole),
        samples=timed(records),
        lives=lives(records),
        beyond=beyond(behind),
    )


def decode_header(data: bytes) -> Header:
    """The first `HEADER` bytes of a file.

    Raises:
        NotAProbeFile: it is something else.
    """
    if len(data) < HEADER or data[: len(MAGIC)] != MAGIC:
        raise NotAProbeFile("it does not begin as a probe's file does")
    version, *numbers = _NUMBERS.unpack_from(data)[1:]
    if version != VERSION:
        raise NotAProbeFile(f"it has version {version}, and this heapswap reads version {VERSION}")
    values: dict[str, Any] = dict(zip(_NAMES, numbers, strict=True))
    values["flags"] = Flag(values["flags"])
    return Header(
        **values,
        program=_text(data[_PROGRAM:_LIBRARY]),
        library=_text(data[_LIBRARY:_ARGUMENTS]),
        arguments=_words(data[_ARGUMENTS:HEADER]),
    )


_NAMES = tuple(name for name in Header.__dataclass_fields__ if name not in {"program", "library", "arguments"})


def read(path: Path) -> Raw:
    """One file, as far as it is in use: it is sparse and much longer.

    Raises:
        NotAProbeFile: it is something else.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEADER)
        header = decode_header(head)
        slots = file.read(min(header.slots, MOST_SLOTS) * SLOT)
        file.seek(SAMPLES)
        pages = file.read(min(header.sample_pages, MOST_PAGES) * SAMPLE_PAGE)
        file.seek(SAMPLES + MOST_PAGES * SAMPLE_PAGE)
        found = decode(path.name, head, slots, pages, file.read(BEYOND if header.crowd else 0))
        file.seek(STACKS)
        return replace(found, copying=_copying(file.read(_COPYING + 8)))


def _copying(area: bytes) -> int:
    """From the beginning of the part that `stacks` reads; 0 where the file has none."""
    there = len(area) == _COPYING + 8 and area.startswith(_STACKS_MAGIC)
    return int.from_bytes(area[_COPYING:], "little") if there else 0


def live_now(path: Path) -> int:
    """Live bytes of the process at this moment.

    Raises:
        NotAProbeFile: it is something else.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        header = decode_header(file.read(HEADER))
        slots = np.frombuffer(file.read(min(header.slots, MOST_SLOTS) * SLOT), _SLOT)
        return header.inherited + int(slots["live"].sum())


def read_all(folder: Path) -> Iterator[Raw]:
    """Every file of a folder that was begun, in the order in which the processes began."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            found.append(read(path))
        except (NotAProbeFile, OSError):
            continue
    yield from sorted(found, key=lambda raw: (raw.header.begun, raw.header.process))


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode(errors="replace")


def _words(data: bytes) -> tuple[str, ...]:
    """Arguments, each ended by NUL, with zeros behind the last; an empty argument at the end cannot be told."""
    content = data.rstrip(b"\0")
    return tuple(word.decode(errors="replace") for word in content.split(b"\0")) if content else ()
