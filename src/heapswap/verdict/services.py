"""Doubts that the ramp of a service and its rests raise: who holds throughput back, and whose memory it is."""

from collections.abc import Callable

from heapswap.findings import Finding, Level
from heapswap.scaling.model import AtRest, Growth, Limit, Ramp, StepEffect
from heapswap.scaling.ramps import THROUGHPUT
from heapswap.units import format_effect
from heapswap.verdict.evidence import Evidence


def load_is_the_limit(evidence: Evidence) -> tuple[Finding, ...]:
    """The load generator could not ask for more, so that a better allocator cannot show."""
    mine = [ramp for ramp in evidence.ramps if ramp.saturation.limit is Limit.GENERATOR]
    if not mine:
        return ()
    worst = mine[0]
    return (
        Finding(
            code="load-is-the-limit",
            level=Level.WARNING,
            seen=f"{worst.candidate} stops growing at {_clients(worst)} because of the load generator: "
            f"{worst.saturation.why}",
            remedy="give the generator more threads, or requests that ask more of the service; until then a better "
            "allocator may not show in throughput",
        ),
    )


def _clients(ramp: Ramp) -> str:
    return f"{ramp.saturation.level} client" + "s" * (ramp.saturation.level != 1)


def machine_is_not_ours(evidence: Evidence) -> tuple[Finding, ...]:
    """Other programs took what the service could have used."""
    mine = [ramp for ramp in evidence.ramps if ramp.saturation.limit is Limit.OTHERS]
    if not mine:
        return ()
    return (
        Finding(
            code="busy-machine",
            level=Level.WARNING,
            seen=f"{mine[0].candidate} stops growing at {_clients(mine[0])} on a machine that is full: "
            f"{mine[0].saturation.why}",
            remedy="measure again on a quiet machine",
        ),
    )


def contention(evidence: Evidence) -> tuple[Finding, ...]:
    """The second rule of the article: candidates that gain more the more clients there are."""
    found = [ends for ramp in evidence.ramps if (ends := widening(ramp)) is not None]
    if not found:
        return ()
    name, first, last = max(found, key=lambda one: one[2].effect or 0.0)
    return (
        Finding(
            code="allocator-contention",
            level=Level.NOTE,
            seen=f"{name} gains more the more clients there are: throughput {_shown(first)} at {first.level}, "
            f"{_shown(last)} at {last.level}; the allocator of today holds back scaling",
            remedy="see heapswap profile for how long threads wait inside it",
        ),
    )


def widening(ramp: Ramp) -> tuple[str, StepEffect, StepEffect] | None:
    """The first and the last step of a candidate whose gain in throughput at the last is beyond that at the first."""
    steps = [one for one in ramp.effects if one.metric == THROUGHPUT]
    if len(steps) < 2 or ramp.saturation.limit is Limit.GENERATOR:
        return None
    first, last = steps[0], steps[-1]
    apart = first.high is not None and last.low is not None and last.low > max(first.high, 0.0)
    return (ramp.candidate, first, last) if apart else None


def _shown(step: StepEffect) -> str:
    ends = [format_effect(end) for end in (step.effect, step.low, step.high) if end is not None]
    return f"{ends[0]} ({ends[1]} to {ends[2]})"


def leaks(evidence: Evidence) -> tuple[Finding, ...]:
    """Live bytes that grow are the program's own: no allocator gives them back."""
    mine = [growth for growth in evidence.growths if growth.kind is AtRest.LEAK]
    if not mine:
        return ()
    others = "" if len(mine) == 1 else f", and so it is under {len(mine) - 1} of {len(evidence.growths) - 1} others"
    return (
        Finding(
            code="leak",
            level=Level.WARNING,
            seen=f"under {mine[0].candidate} {mine[0].why}{others}: the program leaks",
            remedy="find what keeps them (heapswap profile, memray, heaptrack); no allocator gives back what is in use",
        ),
    )


def retention(evidence: Evidence) -> tuple[Finding, ...]:
    """Memory that is free and stays with the allocator, more with every cycle."""
    mine = [growth for growth in evidence.growths if growth.kind is AtRest.RETENTION]
    if not mine:
        return ()
    free = [growth.candidate for growth in evidence.growths if growth.kind is AtRest.NEITHER]
    remedy = f"it does not grow under {', '.join(free)}" if free else "try jemalloc/returning or mimalloc"
    return (Finding(code="retention", level=Level.NOTE, seen=_under(mine[0]), remedy=remedy),)


def _under(growth: Growth) -> str:
    return f"under {growth.candidate} {growth.why}: its allocator keeps what the program has given back"


DOUBTS: tuple[Callable[[Evidence], tuple[Finding, ...]], ...] = (
    load_is_the_limit,
    machine_is_not_ours,
    contention,
    leaks,
    retention,
)
