"""What a service's ramp of load and its rests say, as sections: effects step by step, saturation, the law, growth."""

from collections.abc import Callable, Iterator, Sequence

from heapswap.estimate import Estimate
from heapswap.report.document.model import Block, Cell, Prose, Section, Table, Tone, left, named, right, said
from heapswap.report.figures import UNKNOWN, known, limits, name, percent
from heapswap.report.scaling import TITLES, WHO, clients, estimated, rate, scaling_told, step
from heapswap.scaling.growth import signed
from heapswap.scaling.model import AtRest, Growth, Law, Limit, Point, Ramp, Trend
from heapswap.scaling.ramps import THROUGHPUT

_TONES = {Limit.OTHERS: Tone.DOUBT, Limit.GENERATOR: Tone.DOUBT}
_KINDS = {AtRest.LEAK: Tone.BAD, AtRest.RETENTION: Tone.DOUBT, AtRest.NEITHER: Tone.GOOD}


def scaling_sections(ramps: Sequence[Ramp], growths: Sequence[Growth], order: Sequence[str]) -> tuple[Section, ...]:
    """Candidates in the order they are ranked, the baseline first."""
    return (
        Section(title="Scaling", blocks=tuple(_scaling(ramps, order))),
        Section(title="Memory at rest, cycle by cycle", blocks=tuple(_growths(growths))),
    )


def _scaling(ramps: Sequence[Ramp], order: Sequence[str]) -> Iterator[Block]:
    if not ramps:
        return
    base, *others = ramps
    place = {name: number for number, name in enumerate(order)}
    ranked = sorted(others, key=lambda ramp: place.get(ramp.candidate, len(place)))
    for metric in TITLES:
        mine = [ramp for ramp in ranked if any(one.metric == metric for one in ramp.effects)]
        if mine:
            yield _effects(metric, base, mine)
    if len(base.points) < 2:
        return
    if any(point.rate is None for point in base.points):
        yield Prose(text="Closed loop: a slower service is asked less, so latencies do not decide.", tone=Tone.FAINT)
    yield Table(
        caption="Where throughput stops growing, and what was exhausted there",
        columns=(*left("candidate"), *right("saturated at"), *left("by", "figures")),
        rows=tuple(_saturated(ramp) for ramp in (base, *ranked)),
    )
    laws = [(ramp, ramp.law) for ramp in (base, *ranked) if ramp.law is not None]
    if laws:
        yield Table(
            caption="The Universal Scalability Law, fitted, with 95 % intervals",
            columns=(*left("candidate"), *right("one client", "contention", "coherence", "highest at")),
            rows=tuple(_law(ramp, law) for ramp, law in laws),
        )
    else:
        yield Prose(text=scaling_told(ramps, None))


def _effects(metric: str, base: Ramp, ramps: Sequence[Ramp]) -> Table:
    return Table(
        caption=f"Effect on {name(metric)} at every step, with 99 % limits where there are enough runs",
        columns=(
            *right("rate" if any(point.rate is not None for point in base.points) else "clients"),
            *(right(base.candidate) if metric == THROUGHPUT else ()),
            *right(*(ramp.candidate for ramp in ramps)),
        ),
        rows=tuple(
            (
                said(step(point)),
                *((said(rate(point.throughput)),) if metric == THROUGHPUT else ()),
                *(_effect(ramp, metric, point) for ramp in ramps),
            )
            for point in base.points
        ),
    )


def _effect(ramp: Ramp, metric: str, point: Point) -> Cell:
    at = (metric, point.level, point.rate)
    found = next((one for one in ramp.effects if (one.metric, one.level, one.rate) == at), None)
    if found is None or known(found.effect) is None:
        return said(UNKNOWN)
    return said(percent(found.effect), rest=limits(found.low, found.high))


def _saturated(ramp: Ramp) -> tuple[Cell, ...]:
    found = ramp.saturation
    level = UNKNOWN if found.level is None else clients(found.level)
    who = "" if found.level is None else WHO[found.limit]
    return named(ramp.candidate), said(level), said(who, _TONES.get(found.limit, Tone.PLAIN)), said(found.why)


def _law(ramp: Ramp, law: Law) -> tuple[Cell, ...]:
    peak = UNKNOWN if law.peak is None else _limited(law.peak, lambda value: f"{value:.0f}")
    return (
        named(ramp.candidate),
        said(_limited(law.rate, rate)),
        said(estimated(law.contention)),
        said(estimated(law.coherence)),
        said(peak),
    )


def _limited(one: Estimate, written: Callable[[float], str]) -> str:
    if one.low is None:
        return written(one.value)
    return f"{written(one.value)} ({written(one.low)} to {UNKNOWN if one.high is None else written(one.high)})"


def _growths(growths: Sequence[Growth]) -> Iterator[Block]:
    if not growths:
        return
    yield Table(
        caption="Growth of memory at rest from one cycle to the next, with 99 % intervals",
        columns=(*left("candidate", "is"), *right("resident", "live", "cycles"), *left("because")),
        rows=tuple(
            (
                named(one.candidate),
                said(one.kind, _KINDS.get(one.kind, Tone.PLAIN)),
                said(_trend(one.resident)),
                said(_trend(one.live)),
                said(str(one.cycles)),
                said(one.why),
            )
            for one in growths
        ),
    )


def _trend(one: Trend | None) -> str:
    return UNKNOWN if one is None else f"{signed(one.slope)} ({signed(one.low)} to {signed(one.high)})"
