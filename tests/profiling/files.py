"""Files of the probe, made by hand: the other writer of the format that `native/probe/src/layout.rs` describes."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from heapswap.profiling import followed, wire

_NUMBERS = """
    process parent forks flags begun_epoch begun begun_cpu noted noted_cpu quantum threads slots threads_refused
    children_refused live peak inherited boot sample_pages begun_ticks noted_ticks cost_timing cost_additions cost_look
    cost_life crowd sampling cost_size cost_timing_open
"""
NUMBERS = _NUMBERS.split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One timed call."""

    size: int = 100
    ticks: int = 100
    scale: int = 14
    function: int = 0
    voluntary: int = 0
    involuntary: int = 0
    faults: int = 0
    cpu: int = 0
    threads: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One followed block; without an end it is still followed."""

    size: int = 100
    used: int = 0
    scale: int = 14
    level: int = 0
    ticks: int = 100
    allocations: int = 0
    elsewhere: bool = False
    ended: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One thread's numbers; classes and functions by place: calls and bytes."""

    numbers: dict[str, int] = field(default_factory=dict)
    functions: dict[int, tuple[int, int]] = field(default_factory=dict)
    classes: dict[int, tuple[int, int]] = field(default_factory=dict)


PLACES = "owner thread frees failed moved grown live high published countdown random scale page sampled refused asked"


def slot_bytes(slot: Slot) -> bytes:
    data = bytearray(wire.SLOT)
    for place, name in enumerate(PLACES.split()):
        struct.pack_into("<q", data, 8 * place, slot.numbers.get(name, 0))
    for start, tallies in ((128, slot.functions), (384, slot.classes)):
        for place, tally in tallies.items():
            struct.pack_into("<2Q", data, start + 16 * place, *tally)
    return bytes(data)


def page_bytes(records: Sequence[Sample | Life]) -> bytes:
    data = bytearray(wire.SAMPLE_PAGE)
    struct.pack_into("<Q", data, 0, len(records))
    for number, one in enumerate(records):
        struct.pack_into("<4Q", data, 32 + 32 * number, *_words(one))
    return bytes(data)


def _words(one: Sample | Life) -> tuple[int, int, int, int]:
    if isinstance(one, Life):
        word = one.scale | 13 << 8 | one.level << 16 | one.elsewhere << 32
        return one.size | one.used << 48, one.ticks, word, one.allocations
    word = one.scale | one.function << 8 | one.voluntary << 16 | one.involuntary << 32 | one.faults << 48
    return one.size | one.threads << 48, one.ticks, word, one.cpu


def behind_bytes(
    unfreed: Sequence[Life] = (), threads: int = 0, cpu: int = 0, booked: Sequence[int] = (), level: int = 0
) -> bytes:
    """What lies behind the samples; the level of a block that is still followed is its rank."""
    data = bytearray(followed.BEYOND)
    struct.pack_into("<3Q", data, 0, threads, 0, cpu)
    for place, one in enumerate(booked):
        struct.pack_into("<Q", data, 24 + 8 * place, one)
    struct.pack_into("<Q", data, 4096, level)
    for place, life in enumerate(unfreed):
        word = life.scale | life.level << 8 | 77 << 32
        words = (4096 + 16 * place, life.size | life.used << 48, life.ticks, word, 0, life.allocations)
        struct.pack_into("<6Q", data, 8192 + 64 * place, *words)
    return bytes(data)


def raw(
    *slots: Slot,
    samples: Sequence[Sample | Life] = (),
    behind: bytes = b"",
    program: str = "/usr/bin/program",
    library: str = "/lib/libc.so.6",
    arguments: Sequence[str] = ("program", "-v"),
    name: str = "1-0.probe",
    header: Mapping[str, int] = MappingProxyType({}),
    **numbers: int,
) -> wire.Raw:
    """One file, read back."""
    texts = (program, library, *arguments)
    return wire.decode(name, *parts(*slots, samples=samples, texts=texts, header={**header, **numbers}), behind)


def parts(
    *slots: Slot,
    samples: Sequence[Sample | Life] = (),
    texts: Sequence[str] = ("/p", "/l", "p"),
    header: Mapping[str, int] = MappingProxyType({}),
) -> tuple[bytes, bytes, bytes]:
    """Head, slots and sample pages of a file."""
    pages = [samples[start : start + 127] for start in range(0, len(samples), 127)]
    usual = {"slots": len(slots), "sample_pages": len(pages), "quantum": 65536, "noted": 1}
    values = {**usual, **header}
    head = bytearray(wire.HEADER)
    head[:8] = b"heapprob"
    struct.pack_into("<Q", head, 8, wire.VERSION)
    for place, name in enumerate(NUMBERS, 2):
        struct.pack_into("<q", head, 8 * place, values.get(name, 0))
    for start, text in ((256, texts[0]), (2304, texts[1]), (4352, "\0".join(texts[2:]) + "\0")):
        head[start : start + len(text)] = text.encode()
    return bytes(head), b"".join(map(slot_bytes, slots)), b"".join(map(page_bytes, pages))
