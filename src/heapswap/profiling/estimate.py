"""From the timed calls of one process to what all its calls took.

A call of `size` bytes was drawn with probability p = 1 − exp(−(size + 512) / 2^scale), whatever the program did, so the
sum of y / p over the drawn calls estimates the sum of y over all calls without bias, with variance estimated by the sum
of (1 − p) (y / p)² (D. G. Horvitz and D. J. Thompson, "A generalization of sampling without replacement from a finite
universe", Journal of the American Statistical Association 47, 1952; here for independent draws).
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from heapswap.profiling import wire
from heapswap.profiling.model import Share

FEWEST = 20
"""samples below which nothing is estimated"""
MAPPED = 128 * 1024
"""bytes from which allocators ask the kernel for a mapping (glibc's threshold at first)"""
FAULT = 12e-6
"""seconds that a page fault may always take, zeroing its page included: 1.6 µs on a quiet virtual machine, 10 to 11
where the host has to find the page first, and a run has both kinds"""
SLOWEST_FAULT = 25e-6
"""and may take at most, on the busiest machine: what a call with faults takes beyond that is its own work"""
UNUSUAL = 5.0
"""times the median fault of the run, up to which a fault is believed"""
SWITCH = 25e-6
"""seconds of CPU that a preemption may add to the call that it falls into (15 to 25 µs, caches gone cold included)"""
HIDDEN = 1 / 8
"""of a quick call, at most so much is hidden behind what surrounds it"""
_95 = 1.959964
_SHORTEST = 1_000_000
"""nanoseconds of a file's life from which its own two moments tell the rate of the ticks well"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """An estimated sum over all calls, with its standard error."""

    value: float
    error: float
    doubt: float = 0.0
    """by which the way of measuring itself may have it too large or too small"""

    @property
    def low(self) -> float:
        """Lower 95 % limit; a sum of times is never negative."""
        return max(0.0, self.value - self.doubt - _95 * self.error)

    @property
    def high(self) -> float:
        """Upper 95 % limit."""
        return self.value + self.doubt + _95 * self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What one process's calls of the malloc family took, seconds; the timing's own cost is subtracted."""

    samples: int
    calls: Total
    """how many calls there were: known exactly elsewhere, so this shows whether the samples are sound"""
    cpu: Total
    """on a processor, as a call takes among others; all other times are as it takes alone"""
    waiting: Total
    """given up the processor inside the allocator: waiting for a lock"""
    kernel: Total
    """part of `cpu`: slow calls with page faults, or of blocks so large that they are mapped and unmapped"""
    faulting: Total
    """part of `kernel`: in page faults; work of a call beside its faults is not in it"""
    computing: Total
    """part of `cpu`: slow calls without"""
    work: Total
    """part of `cpu`: neither in page faults nor in the kernel because another program's turn had come"""
    quick: Total
    """part of `cpu`: calls below the limit from which they are looked at"""


def rate(header: wire.Header) -> float | None:
    """Ticks a nanosecond, or None where the file was written for too short a time to tell."""
    lived, ticks = header.noted - header.begun, header.noted_ticks - header.begun_ticks
    return ticks / lived if lived >= _SHORTEST and ticks > 0 else None


def times(raw: wire.Raw, ticks: float) -> Times | None:
    """The totals of one process; None where too few calls were timed, or not all through. `ticks` is the `rate`."""
    samples = raw.samples
    if len(samples) < FEWEST or raw.total("refused"):
        return None
    measured = waited(samples, raw.header, ticks)
    drawn, on_cpu = measured.drawn, measured.on_cpu
    looked_at = samples["ticks"] > wire.SLOW
    in_kernel = (samples["faults"] > 0) | (samples["size"] >= MAPPED)
    faulting = np.where(looked_at, _faulting(on_cpu, samples["faults"]), 0.0)
    preempted = np.where(looked_at & (samples["involuntary"] > 0), SWITCH, 0.0)
    alone = np.where(looked_at, 0.0, np.minimum(_overlap(raw.header, ticks), on_cpu * HIDDEN))
    return Times(
        samples=len(samples),
        calls=total(np.ones(len(samples)), drawn),
        cpu=replace(total(on_cpu - alone, drawn), doubt=float((alone / drawn).sum())),
        waiting=total(measured.waiting, drawn),
        kernel=total(np.where(looked_at & in_kernel, on_cpu, 0.0), drawn),
        faulting=total(faulting, drawn),
        work=total(np.maximum(on_cpu - faulting - preempted, 0.0), drawn),
        computing=total(np.where(looked_at & ~in_kernel, on_cpu, 0.0), drawn),
        quick=total(np.where(looked_at, 0.0, on_cpu), drawn),
    )


def _overlap(header: wire.Header, ticks: float) -> float:
    """Seconds by which a quick call may take longer when it is timed: nothing around it goes on meanwhile, as it does
    when nobody looks. Half of what the counter hides where the call may begin before it is read: with all of it perf
    saw 1 to 4 points more than the samples of four programs, with none 5 points less of one that reallocates."""
    hidden = header.cost_timing - header.cost_timing_open if header.cost_timing_open else 0
    return max(hidden, 0) / 2 / ticks * 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Of each timed call: how probable it was that it was drawn, and seconds on a processor and waiting."""

    drawn: NDArray[np.float64]
    on_cpu: NDArray[np.float64]
    waiting: NDArray[np.float64]


def waited(samples: NDArray[np.void], header: wire.Header, ticks: float) -> Measured:
    """The timed calls, each by itself; `ticks` is the `rate`."""
    took = np.maximum(samples["ticks"].astype(float) - header.cost_timing, 0.0) / ticks * 1e-9
    looked_at = samples["ticks"] > wire.SLOW
    on_cpu = np.where(looked_at, np.minimum(took, samples["cpu"].astype(float) * 1e-9), took)
    # The kernel's account covers a few calls before, too: `on_cpu` may be a little too much and this too little.
    waiting = np.where(samples["voluntary"] > 0, took - on_cpu, 0.0)
    return Measured(drawn=probability(samples), on_cpu=on_cpu, waiting=waiting)


def probability(drawn: NDArray[np.void]) -> NDArray[np.float64]:
    """With which each of these calls was drawn, by its size and scale."""
    scale = np.exp2((drawn["scale"] & ~wire.LARGE).astype(float))
    by_length: NDArray[np.float64] = -np.expm1(-(drawn["size"] + float(wire.CALL)) / scale)
    value: NDArray[np.float64] = np.where(drawn["scale"] & wire.LARGE, 1 / scale, by_length)
    return value


def _faulting(took: NDArray[np.float64], faults: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Seconds of page faults in calls that took so long: what is longer than a fault can be is the call's own work."""
    there = faults > 0
    usual = float(np.median(took[there] / faults[there])) if there.any() else 0.0
    most = faults.astype(np.float64) * min(max(UNUSUAL * usual, FAULT), SLOWEST_FAULT)
    return np.minimum(took, most)


def own_cost(raw: wire.Raw, ticks: float) -> float:
    """Seconds of CPU that the probe itself took: its additions at the price measured there, and its close looks and its
    copies of stacks as they were."""
    header = raw.header
    calls = int(raw.tallies("classes")[:, 0].sum())
    adding = calls * header.cost_additions / wire.ADDITIONS + len(raw.lives) * header.cost_life
    return ((adding + header.sampling) / ticks + raw.copying) * 1e-9


def share(part: Total, whole: float) -> Share | None:
    """The part of the whole; None where there is no whole."""
    if whole <= 0:
        return None
    return Share(value=min(part.value / whole, 1.0), low=min(part.low / whole, 1.0), high=min(part.high / whole, 1.0))


def total(values: NDArray[np.float64], drawn: NDArray[np.float64]) -> Total:
    """The sum over all calls, from the values of those that were drawn with these probabilities."""
    weighed = values / drawn
    return Total(value=float(weighed.sum()), error=sqrt(float(((1 - drawn) * weighed**2).sum())))
