"""The article's rules on one profiled run: keep at once, or what is wrong, and what decides then. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from math import sqrt
from types import MappingProxyType

from heapswap.artifact import digest
from heapswap.findings import Finding
from heapswap.profiling.model import Profile
from heapswap.trials.model import Criteria, Run
from heapswap.trials.statistics import duration
from heapswap.units import format_bytes, metric_name
from heapswap.verdict.ceiling import TimeCeiling, cpu_ceiling, memory_ceiling, wall_ceiling
from heapswap.verdict.gaps import missing
from heapswap.verdict.model import Advice, Decision, Diagnosis, Ground, NotTried, Verdict
from heapswap.verdict.objective import KEEP_RATIO, MEMORIES, MEMORY_MARGIN, TIME_MARGIN
from heapswap.verdict.symptoms import BEYOND, Symptom

BALANCED = "balanced"
"""the objective that counts both time and memory"""
_CEILINGS: Mapping[str, Callable[[Profile], TimeCeiling]] = MappingProxyType({"cpu": cpu_ceiling, "wall": wall_ceiling})
RESOLUTION = 0.03
"""part of the time by which a gain exceeds the adopt margin where a long trial, of runs of `LONG` seconds, at best
tells it from the margin: in 30 confirming blocks on a quiet machine the limits were 1.9 points either side of the
estimate, and a gain of 5.2 % was adopted"""
LONG = 1.0
"""seconds. A budget holds the more runs the shorter they are, and its resolution goes with the root of their number: of
runs of 0.13 s the limits were 0.6 points either side, and a gain of 3.3 % was adopted"""
_SYMPTOMS = MappingProxyType(
    {
        Symptom.ALLOCATION: ("allocator",),
        Symptom.CONTENTION: ("waiting",),
        Symptom.FAULTS: ("faults_again", "first_touches"),
    }
)
"""what parts of the time are a sign of"""
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
    time = time_grounds(_CEILINGS[primary](profile), criteria, duration(first)) if primary in _CEILINGS else ()
    memory: tuple[Ground, ...] = ()
    if both or primary in MEMORIES:
        most = memory_ceiling(profile)
        if most is None:
            return _unknown(profile, primary, "how much memory is retained cannot be told from its live bytes")
        memory = (_memory_ground(most, first, criteria),)
    slow, retains = bool(_not_excluded(time)), bool(_not_excluded(memory))
    if retains and not slow and primary in _CEILINGS:
        primary = "idle" if first.value("idle") is not None else "peak"
    beyond = primary in _CEILINGS and BEYOND in candidates
    advice = _ADVICE[slow, retains]
    clauses = [_clause_of_time(time, "malloc" if beyond else "allocator")] if time else []
    return Diagnosis(
        advice=Advice.OBJECTS if beyond and advice is Advice.NO_BOTTLENECK else advice,
        reason="; ".join([*clauses, *map(_clause_of_memory, memory)]),
        primary=primary,
        symptoms=(
            *(_signs_in_time(time) if slow else ()),
            *(_signs_in_memory(profile) if retains else ()),
            *((Symptom.OBJECTS,) if beyond else ()),
        ),
        grounds=(*time, *memory),
        profile=digest(profile),
    )


def time_grounds(ceiling: TimeCeiling, criteria: Criteria, seconds: float) -> tuple[Ground, ...]:
    """The parts, and the two sums that are held against a limit: of the costs, and last of everything.

    A trial adopts what it can tell from the adopt margin, which is less than the gain it excludes before it says keep.
    Costs that were seen may be spared whole, so those that it could tell are not kept on the profile's word.

    Args:
        seconds: of one run, by which a trial has more or fewer of them.
    """
    metric = criteria.primary
    shown = criteria.adopt_ratio + RESOLUTION * sqrt(min(seconds / LONG, 1.0))
    return (
        Ground(of="allocator", metric=metric, most=ceiling.allocator),
        Ground(of="faults_again", metric=metric, most=ceiling.faults_again),
        Ground(of="waiting", metric=metric, most=ceiling.waiting),
        Ground(of="costs", metric=metric, most=ceiling.costs, limit=shown),
        Ground(of="first_touches", metric=metric, most=ceiling.first_touches),
        Ground(of="layout", metric=metric, most=ceiling.layout),
        Ground(of="time", metric=metric, most=ceiling.whole, limit=criteria.keep_ratio),
    )


def _memory_ground(most: int, first: Run, criteria: Criteria) -> Ground:
    """Held against the least that any metric of memory would have to gain."""
    is_primary = criteria.primary in MEMORIES
    ratio = criteria.keep_ratio if is_primary else KEEP_RATIO
    floor = criteria.adopt_floor if is_primary else MEMORY_MARGIN.floor
    names = (criteria.primary,) if is_primary else MEMORIES
    least = min((value for name in names if (value := first.value(name)) is not None), default=0.0)
    return Ground(of="memory", metric="memory", most=most, limit=max(ratio * least, floor), unit="B")


def _not_excluded(grounds: Sequence[Ground]) -> list[Ground]:
    """Those that reach their limit."""
    return [one for one in grounds if one.limit is not None and not one.is_excluded]


def _clause_of_time(grounds: Sequence[Ground], limited: str) -> str:
    """``no allocator can take more than 6.8 % off CPU time (10 % would count), and …``, or the sum that is too much."""
    held = {one.of: one for one in grounds if one.limit is not None}
    costs, whole = held["costs"], held["time"]
    name, shown, counted = metric_name(whole.metric), f"{_percent(costs.limit)} %", f"{_percent(whole.limit)} %"
    if not whole.is_excluded:
        return f"up to {whole.most * 100:.1f} % of {name} may be won, and less than {counted} does not count"
    if not costs.is_excluded:
        return f"allocation costs up to {costs.most * 100:.1f} % of {name}, and a long trial can show {shown}"
    return (
        f"no {limited} can take more than {whole.most * 100:.1f} % off {name} ({counted} would count), "
        f"and allocation costs at most {costs.most * 100:.1f} % of it ({shown} would show)"
    )


def _percent(ratio: float | None) -> str:
    """``10``, ``2.5``"""
    return f"{(ratio or 0.0) * 100:.3g}"


def _clause_of_memory(ground: Ground) -> str:
    """``at most 0.9 MiB is resident beside live blocks, and less than 12.0 MiB does not count``"""
    most = "at most" if ground.is_excluded else "up to"
    return (
        f"{most} {format_bytes(ground.most)} is resident beside live blocks, "
        f"and less than {format_bytes(ground.limit or 0.0)} does not count"
    )


def _signs_in_time(grounds: Sequence[Ground]) -> Iterator[Symptom]:
    """Of every cost and allowance that is large enough to be shown; of the work where none is by itself."""
    most = {one.of: one.most for one in grounds}
    sums = {symptom: sum(most[part] for part in parts) for symptom, parts in _SYMPTOMS.items()}
    yield from [symptom for symptom, of in sums.items() if of >= TIME_MARGIN.ratio] or [Symptom.ALLOCATION]


def _signs_in_memory(profile: Profile) -> Iterator[Symptom]:
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
