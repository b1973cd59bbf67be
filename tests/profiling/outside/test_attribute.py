"""Whose sample it is, and what they add up to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.profiling.outside.attribute import Where, attribute, where
from heapswap.profiling.outside.script import CLOCK, SWITCHES, Frame, Sample, Switch

LIBC, PROGRAM, JEMALLOC = "/lib/libc.so.6", "/bin/program", "/lib/libjemalloc.so.2"


def frames(*rows: tuple[str, str]) -> tuple[Frame, ...]:
    return tuple(Frame(symbol=symbol, object=file) for symbol, file in rows)


INSIDE = frames(("__memmove", LIBC), ("realloc", LIBC), ("main", PROGRAM))
OUTSIDE = frames(("__memmove", LIBC), ("main", PROGRAM))


def ran(stack: tuple[Frame, ...], time: float, *, process: int = 1, in_kernel: bool = False) -> Sample:
    return Sample(
        process=process, thread=1, time=time, event=CLOCK, period=1_000_000, in_kernel=in_kernel, frames=stack
    )


def waited(stack: tuple[Frame, ...], begin: float, end: float, *, preempted: bool = False) -> list[Sample | Switch]:
    switching = Sample(process=1, thread=1, time=begin, event=SWITCHES, period=2, in_kernel=True, frames=stack)
    return [
        switching,
        Switch(process=1, thread=1, time=begin, left=True, preempted=preempted),
        Switch(process=1, thread=1, time=end, left=False, preempted=False),
    ]


@pytest.mark.parametrize(
    ("place", "stack", "inside"),
    [
        (where(LIBC, "glibc", [PROGRAM]), INSIDE, True),
        (where(LIBC, "glibc", [PROGRAM]), OUTSIDE, False),
        # A stripped C library: the inner function has no name, or a wrong one.
        (where(LIBC, "glibc", [PROGRAM]), frames(("[unknown]", LIBC), ("cfree@GLIBC_2.2.5", LIBC)), True),
        # A function of the program's that is called like one of malloc's is not malloc's where another one answers.
        (where(JEMALLOC, "jemalloc", [PROGRAM]), frames(("arena_bin_hard", JEMALLOC)), True),
        (where(JEMALLOC, "jemalloc", [PROGRAM]), frames(("malloc", LIBC)), False),
        (where(PROGRAM, "jemalloc", [PROGRAM]), frames(("_rjem_je_arena_malloc_hard", PROGRAM)), True),
        (where(PROGRAM, "jemalloc", [PROGRAM]), frames(("je_tcache_bin_flush_small", PROGRAM)), True),
        (where(PROGRAM, "mimalloc", [PROGRAM]), frames(("mi_malloc", PROGRAM)), True),
        (where(PROGRAM, "mimalloc", [PROGRAM]), frames(("mix_colours", PROGRAM), ("freedom", PROGRAM)), False),
        (where(LIBC, "glibc", [PROGRAM]), (), False),
    ],
)
def test_whose_sample_it_is(place: Where, stack: tuple[Frame, ...], inside: bool) -> None:
    assert place.holds(stack) is inside


@given(st.lists(st.booleans(), min_size=20, max_size=200))
def test_the_share_is_that_of_the_samples(inside: list[bool]) -> None:
    samples = [ran(INSIDE if one else OUTSIDE, number / 20) for number, one in enumerate(inside)]
    strangers = [ran(INSIDE, number / 20, process=2) for number in range(30)]
    shares = attribute([*samples, *strangers], 1, where(LIBC, "glibc", [PROGRAM]))
    assert shares.cpu is not None
    assert shares.cpu.value == pytest.approx(sum(inside) / len(inside))
    assert shares.cpu.low <= shares.cpu.value <= shares.cpu.high
    assert shares.seconds == pytest.approx(len(inside) * 0.001)
    assert shares.waits is None


def test_waits_are_the_time_between_leaving_and_coming_back() -> None:
    place = where(LIBC, "glibc", [PROGRAM])
    work = [ran(OUTSIDE, number / 10) for number in range(100)]
    waits = waited(INSIDE, 1.0, 1.05)  # for two switches: 0.1 s beside 0.1 s of work
    others = [*waited(OUTSIDE, 2.0, 3.0), *waited(INSIDE, 4.0, 5.0, preempted=True)]
    shares = attribute([*work, *waits, *others], 1, place)
    assert shares.waits is not None
    assert shares.waits.value == pytest.approx(0.5)


def test_the_kernels_part() -> None:
    samples = [ran(INSIDE, number / 10, in_kernel=number % 2 == 0) for number in range(40)]
    shares = attribute(samples, 1, where(LIBC, "glibc", [PROGRAM]))
    assert shares.cpu is not None
    assert shares.kernel is not None
    assert (shares.cpu.value, shares.kernel.value) == (1.0, 0.5)


def test_too_few_samples_are_no_share() -> None:
    shares = attribute([ran(INSIDE, 0.0)] * 19, 1, where(LIBC, "glibc", [PROGRAM]))
    assert shares.cpu is None
    assert shares.samples == 19
