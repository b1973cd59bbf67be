"""The parts of the probe's files that `native/probe/src/lifetimes.rs` and `crowd.rs` describe, read: lives of sampled
blocks, those that are still followed, and how many threads were at it."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PLACES = 2048
"""blocks that can be followed at a time"""
GROUPS = 16
BEYOND = 8192 + 64 * PLACES
"""bytes of these parts"""

RECORD = np.dtype(
    [
        ("size", "<u8"),
        ("ticks", "<u8"),
        ("scale", "u1"),
        ("function", "u1"),
        ("voluntary", "<u2"),
        ("involuntary", "<u2"),
        ("faults", "<u2"),
        ("cpu", "<u8"),
    ]
)
_LIFE = 13
"""in the place of the function: the record is the life of a block"""
_TIMED = np.dtype([*((name, RECORD[name]) for name in RECORD.names or ()), ("threads", "<u2")])
_LIVED = np.dtype(
    [
        ("size", "<u8"),
        ("used", "<u2"),
        ("scale", "u1"),
        ("level", "<u2"),
        ("ticks", "<u8"),
        ("allocations", "<u8"),
        ("elsewhere", "?"),
    ]
)
_ENTRY = np.dtype(
    [
        ("block", "<u8"),
        ("size", "<u8"),
        ("born", "<u8"),
        ("scale", "u1"),
        ("rank", "u1"),
        ("unused", "<u2"),
        ("thread", "<u4"),
        ("slot", "<u8"),
        ("allocations", "<u8"),
        ("rest", "<u8", 2),
    ]
)
_IN_HAND = 1
_SIZE = np.uint64(48)
_CROWD = struct.Struct(f"<3Q{GROUPS}Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """What lies behind the samples."""

    threads: int
    """that were at it when this was last looked at; 0: never"""
    cpu: int
    """nanoseconds of CPU of the process at that moment"""
    booked: tuple[int, ...]
    """nanoseconds of CPU while 1, 2, 3 to 4, 5 to 8, … threads were at it"""
    unfreed: NDArray[np.void]
    """blocks that are still followed, in the form of `lives`; ticks and allocations are those at their beginning"""


def timed(records: NDArray[np.void]) -> NDArray[np.void]:
    """The timed calls among the records; ``threads`` were at it."""
    records = records[records["function"] != _LIFE]
    calls = np.empty(len(records), _TIMED)
    for name in RECORD.names or ():
        calls[name] = records[name]
    calls["threads"], calls["size"] = _split(records["size"])
    return calls


def lives(records: NDArray[np.void]) -> NDArray[np.void]:
    """The blocks whose end was seen: ``size``, ``used`` places when it was given out, ``scale``, ``level``, how many
    ``ticks`` and ``allocations`` it lived, and whether it was freed ``elsewhere``, by another thread."""
    records = records[records["function"] == _LIFE]
    ended = np.empty(len(records), _LIVED)
    ended["used"], ended["size"] = _split(records["size"])
    ended["scale"], ended["level"] = records["scale"], records["voluntary"]
    ended["ticks"], ended["allocations"] = records["ticks"], records["cpu"]
    ended["elsewhere"] = records["involuntary"] != 0
    return ended


def beyond(data: bytes) -> Beyond:
    """The bytes behind the samples; empty where none were taken."""
    data = data.ljust(BEYOND, b"\0")
    threads, _, cpu, *booked = _CROWD.unpack_from(data)
    (level,) = struct.unpack_from("<Q", data, 4096)
    table = np.frombuffer(data, _ENTRY, PLACES, 8192)
    table = table[(table["block"] > _IN_HAND) & (table["rank"] >= level)]
    unfreed = np.zeros(len(table), _LIVED)
    unfreed["used"], unfreed["size"] = _split(table["size"])
    unfreed["scale"], unfreed["level"] = table["scale"], level
    unfreed["ticks"], unfreed["allocations"] = table["born"], table["allocations"]
    return Beyond(threads=threads, cpu=cpu, booked=tuple(booked), unfreed=unfreed)


def _split(sized: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """What stands above a size, and the size."""
    return sized >> _SIZE, sized & np.uint64((1 << 48) - 1)
