"""Profiles that were never made, and a strategy for them."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from heapswap.profiling.lifetimes import MIDDLE, SMALL
from heapswap.profiling.model import Held, Memory, Moment, Process, Profile, Share

MIB = 1 << 20
NONE = Share(value=0.0, low=0.0, high=0.0)


def share(value: float, reach: float = 0.0) -> Share:
    return Share(value=value, low=max(value - reach, 0.0), high=min(value + reach, 1.0))


def moment(live: int, anonymous: int, at: float = 1.0) -> Moment:
    """Bytes in MiB; 3 MiB of files beside them."""
    return Moment(at=at, live=live * MIB, resident=(anonymous + 3) * MIB, anonymous=anonymous * MIB)


def held(small: float, large: float) -> tuple[Held, ...]:
    """Blocks at a time, in MiB, at most; half of it on average."""
    return tuple(
        Held(up_to=up_to, mean=size * MIB / 2, high=size * MIB)
        for up_to, size in ((SMALL, small), (MIDDLE, 0.0), (None, large))
    )


def process(**fields: Any) -> Process:
    """One second of one thread that hardly allocates: 10 MiB live, 11 resident."""
    usual: dict[str, Any] = {
        "pid": 7,
        "parent": 1,
        "exe": "/usr/bin/program",
        "arguments": ("program",),
        "forks": 0,
        "allocator": "/lib/x86_64-linux-gnu/libc.so.6",
        "began": 0.0,
        "seconds": 1.0,
        "cpu": 1.0,
        "probe_cpu": 0.0,
        "allocations": 10_000,
        "frees": 10_000,
        "requested_bytes": 10 * MIB,
        "failed": 0,
        "moved": 0,
        "grown_in_place": 0,
        "functions": (),
        "size_classes": (),
        "live_bytes": 10 * MIB,
        "peak_live_bytes": 10 * MIB,
        "peak_bound": 0,
        "inherited_bytes": 0,
        "threads": 1,
        "uncounted_threads": 0,
        "uncounted_children": 0,
        "samples": 400,
        "allocator_cpu_share": NONE,
        "kernel_share": NONE,
        "fault_share": NONE,
        "lock_wait_share": NONE,
        "quick_call": 2e-8,
        "memory": Memory.SETTLED,
        "retained_bytes": MIB,
        "timeline": (moment(5, 6, 0.5), moment(10, 11, 1.0)),
        "held": held(1, 5),
    }
    return Process(**{**usual, **fields})


def profile(*processes: Process, **fields: Any) -> Profile:
    """A run of these processes, a second of CPU each."""
    made = processes or (process(),)
    usual: dict[str, Any] = {
        "command": ("program",),
        "candidate": "current",
        "exit_status": 0,
        "signal": None,
        "wall": 1.0,
        "cpu": sum(one.cpu for one in made),
        "peak": 14 * MIB,
        "system": 0.05,
        "faults": 3000,
        "processes": made,
    }
    return Profile(**{**usual, **fields})


def with_share(given: Profile, field: str, value: Share) -> Profile:
    """The same with one share of its first process another."""
    changed: dict[str, Any] = {field: value}
    first = replace(given.processes[0], **changed)
    return replace(given, processes=(first, *given.processes[1:]))


_fractions = st.floats(0, 1)


@st.composite
def shares(draw: st.DrawFn) -> Share:
    low, value, high = sorted(draw(st.tuples(_fractions, _fractions, _fractions)))
    return Share(value=value, low=low, high=high)


@st.composite
def processes(draw: st.DrawFn) -> Process:
    counts = st.integers(0, 10**9)
    return process(
        cpu=draw(st.floats(0, 100)),
        allocations=draw(counts),
        frees=draw(counts),
        requested_bytes=draw(st.integers(0, 10**12)),
        peak_live_bytes=draw(st.none() | counts),
        live_bytes=draw(st.none() | counts),
        threads=draw(st.integers(1, 40)),
        samples=draw(st.integers(0, 1000)),
        allocator_cpu_share=draw(st.none() | shares()),
        fault_share=draw(st.none() | shares()),
        lock_wait_share=draw(st.none() | shares()),
        held=draw(st.just(()) | st.builds(held, st.floats(0, 50), st.floats(0, 50))),
        timeline=tuple(
            moment(live, anonymous, at)
            for at, (live, anonymous) in enumerate(
                draw(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=4))
            )
        ),
    )


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    made = draw(st.lists(processes(), min_size=1, max_size=3))
    return profile(
        *made,
        wall=draw(st.floats(0.01, 100)),
        peak=draw(st.integers(0, 10**9)),
        system=draw(st.none() | st.floats(0, 10)),
        faults=draw(st.none() | st.integers(0, 10**6)),
    )
