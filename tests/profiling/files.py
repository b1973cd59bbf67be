"""Files of the probe, made by hand: the other writer of the format that `native/probe/src/layout.rs` describes."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from heapswap.profiling import wire

_NUMBERS = """
    process parent forks flags begun_epoch begun begun_cpu noted noted_cpu quantum threads slots threads_refused
    children_refused live peak inherited boot sample_pages begun_ticks noted_ticks cost_timing cost_additions cost_look
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


def page_bytes(samples: Sequence[Sample]) -> bytes:
    data = bytearray(wire.SAMPLE_PAGE)
    struct.pack_into("<Q", data, 0, len(samples))
    for number, one in enumerate(samples):
        word = one.scale | one.function << 8 | one.voluntary << 16 | one.involuntary << 32 | one.faults << 48
        struct.pack_into("<4Q", data, 32 + 32 * number, one.size, one.ticks, word, one.cpu)
    return bytes(data)


def raw(
    *slots: Slot,
    samples: Sequence[Sample] = (),
    program: str = "/usr/bin/program",
    library: str = "/lib/libc.so.6",
    arguments: Sequence[str] = ("program", "-v"),
    name: str = "1-0.probe",
    header: Mapping[str, int] = MappingProxyType({}),
    **numbers: int,
) -> wire.Raw:
    """One file, read back."""
    texts = (program, library, *arguments)
    return wire.decode(name, *parts(*slots, samples=samples, texts=texts, header={**header, **numbers}))


def parts(
    *slots: Slot,
    samples: Sequence[Sample] = (),
    texts: Sequence[str] = ("/p", "/l", "p"),
    header: Mapping[str, int] = MappingProxyType({}),
) -> tuple[bytes, bytes, bytes]:
    """Head, slots and sample pages of a file."""
    pages = [samples[start : start + 127] for start in range(0, len(samples), 127)]
    usual = {"slots": len(slots), "sample_pages": len(pages), "quantum": 65536, "noted": 1}
    values = {**usual, **header}
    head = bytearray(wire.HEADER)
    head[:8] = b"heapprob"
    struct.pack_into("<Q", head, 8, 1)
    for place, name in enumerate(NUMBERS, 2):
        struct.pack_into("<q", head, 8 * place, values.get(name, 0))
    for start, text in ((256, texts[0]), (2304, texts[1]), (4352, "\0".join(texts[2:]) + "\0")):
        head[start : start + len(text)] = text.encode()
    return bytes(head), b"".join(map(slot_bytes, slots)), b"".join(map(page_bytes, pages))
