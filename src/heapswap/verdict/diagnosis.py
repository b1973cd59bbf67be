"""The article's rules on one profiled run: keep at once, or what is wrong, and what decides then. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from heapswap.artifact import digest
from heapswap.findings import Finding
from heapswap.profiling.model import Profile
from heapswap.trials.model import Criteria, Run
from heapswap.units import format_bytes, metric_name
from heapswap.verdict.ceiling import TimeCeiling, cpu_ceiling, memory_ceiling, wall_ceiling
from heapswap.verdict.gaps import BEYOND, missing
from heapswap.verdict.model import Advice, Decision, Diagnosis, Ground, NotTried, Verdict
from heapswap.verdict.objective import KEEP_RATIO, MEMORIES, MEMORY_MARGIN, TIME_MARGIN
from heapswap.verdict.symptoms import Symptom

BALANCED = "balanced"
"""the objective that counts both time and memory"""
_CEILINGS: Mapping[str, Callable[[Profile], TimeCeiling]] = MappingProxyType({"cpu": cpu_ceiling, "wall": wall_ceiling})
_SYMPTOMS = MappingProxyType({"allocator": Symptom.ALLOCATION, "waiting": Symptom.CONTENTION, "faults": Symptom.FAULTS})
"""what a part of the time is a sign of"""
_ADVICE = MappingProxyType(
    {
        (False, False): Advice.NO_BOTTLENECK,
        (True, False): Advice.SLOW,
        (False, True): Advice.RETAINS,
        (True, True): Advice.BOTH,
    }
)
"""by what cannot be excluded: a gain in time, a gain in memory"""


def diagnose(
    profile: Profile, first: Run, criteria: Criteria, *, both: bool, candidates: Collection[str] = ()
) -> Diagnosis:
    """What the profile of the first run says.

    Args:
        first: the profiled run itself.
        criteria: what decides where the profile says nothing.
        both: memory counts beside time, and decides where only it is in a bad way.
        candidates: that could be tried.
    """
    primary = criteria.primary
    if primary not in (*_CEILINGS, *MEMORIES):
        return _unknown(profile, primary, f"a profile sets no limit to what {metric_name(primary)} may gain")
    if gap := missing(profile):
        return _unknown(profile, primary, gap)
    time = time_grounds(_CEILINGS[primary](profile), primary, criteria.keep_ratio) if primary in _CEILINGS else ()
    memory: tuple[Ground, ...] = ()
    if both or primary in MEMORIES:
        most = memory_ceiling(profile)
        if most is None:
            return _unknown(profile, primary, "how much memory is retained cannot be told from its live bytes")
        memory = (_memory_ground(most, first, criteria),)
    slow = not all(one.is_excluded for one in time[-1:])
    retains = not all(one.is_excluded for one in memory)
    if not (slow or retains) and primary in _CEILINGS and BEYOND in candidates:
        return _unknown(profile, primary, f"what {BEYOND} may win is beyond a profile of malloc")
    if retains and not slow and primary in _CEILINGS:
        primary = "idle" if first.value("idle") is not None else "peak"
    return Diagnosis(
        advice=_ADVICE[slow, retains],
        reason="; ".join(_clause(one) for one in (*time[-1:], *memory)),
        primary=primary,
        symptoms=(*_signs_in_time(time if slow else ()), *_signs_in_memory(profile if retains else None)),
        grounds=(*time, *memory),
        profile=digest(profile),
    )


def time_grounds(ceiling: TimeCeiling, metric: str, limit: float) -> tuple[Ground, ...]:
    """The parts, and then the whole that is held against the limit."""
    return (
        Ground(of="allocator", metric=metric, most=ceiling.allocator),
        Ground(of="faults", metric=metric, most=ceiling.faults),
        Ground(of="waiting", metric=metric, most=ceiling.waiting),
        Ground(of="layout", metric=metric, most=ceiling.layout),
        Ground(of="time", metric=metric, most=ceiling.whole, limit=limit),
    )


def _memory_ground(most: int, first: Run, criteria: Criteria) -> Ground:
    """Held against the least that any metric of memory would have to gain."""
    is_primary = criteria.primary in MEMORIES
    ratio = criteria.keep_ratio if is_primary else KEEP_RATIO
    floor = criteria.adopt_floor if is_primary else MEMORY_MARGIN.floor
    names = (criteria.primary,) if is_primary else MEMORIES
    least = min((value for name in names if (value := first.value(name)) is not None), default=0.0)
    return Ground(of="memory", metric="memory", most=most, limit=max(ratio * least, floor), unit="B")


def _clause(ground: Ground) -> str:
    """``no allocator can take more than 6.8 % off wall time, and less than 10 % does not count``."""
    limit = ground.limit or 0.0
    if ground.unit == "B":
        said = f"at most {format_bytes(ground.most)} is resident beside live blocks"
        held = f"less than {format_bytes(limit)} does not count"
    else:
        said = f"no allocator can take more than {ground.most * 100:.1f} % off {metric_name(ground.metric)}"
        held = f"less than {limit * 100:.0f} % does not count"
    if ground.is_excluded:
        return f"{said}, and {held}"
    if ground.unit == "B":
        return f"up to {format_bytes(ground.most)} is resident beside live blocks, and {held}"
    return f"up to {ground.most * 100:.0f} % of {metric_name(ground.metric)} may be won, and {held}"


def _signs_in_time(grounds: Sequence[Ground]) -> Iterator[Symptom]:
    if not grounds:
        return
    signs = [_SYMPTOMS[one.of] for one in grounds if one.of in _SYMPTOMS and one.most >= TIME_MARGIN.ratio]
    yield from signs or [Symptom.ALLOCATION]


def _signs_in_memory(profile: Profile | None) -> Iterator[Symptom]:
    if profile is None:
        return
    yield Symptom.RETENTION
    if any(process.threads > 1 for process in profile.processes):
        yield Symptom.ARENAS


def _unknown(profile: Profile, primary: str, gap: str) -> Diagnosis:
    return Diagnosis(advice=Advice.UNKNOWN, reason=gap, primary=primary, profile=digest(profile))


def kept(
    diagnosis: Diagnosis,
    *,
    baseline: str,
    objective: str,
    not_tried: Sequence[tuple[str, str]],
    findings: Sequence[Finding],
) -> Verdict:
    """The verdict where the profile is enough to keep the present allocator."""
    return Verdict(
        outcome=Decision.KEEP,
        candidate=None,
        baseline=baseline,
        objective=objective,
        primary=diagnosis.primary,
        rule=diagnosis.advice.value,
        reason=diagnosis.reason,
        runs=1,
        not_tried=tuple(NotTried(candidate=who, reason=why) for who, why in not_tried),
        findings=tuple(findings),
        evidence=diagnosis.profile,
        diagnosis=diagnosis,
    )
