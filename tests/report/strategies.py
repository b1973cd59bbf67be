"""Any verdict that the types allow, however unlikely."""

from hypothesis import strategies as st

from heapswap.estimate import Estimate
from heapswap.findings import Finding, Level
from heapswap.scaling.model import (
    AtRest,
    Growth,
    Law,
    Limit,
    Point,
    Ramp,
    Saturation,
    StepEffect,
    Trend,
)
from heapswap.trials.model import Progress, Slot, Stage
from heapswap.verdict.model import (
    Advice,
    Comparison,
    Control,
    Decision,
    Diagnosis,
    Effect,
    Ground,
    GuardCheck,
    GuardState,
    NotTried,
    Verdict,
)
from heapswap.verdict.symptoms import Symptom
from heapswap.workload import Direction, Metric, Workload

# No lone surrogates: JSON cannot hold them. Everything else a program may print or be called is here.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
spellings = st.one_of(
    st.sampled_from(["mimalloc", "jemalloc/returning", "system:arena_max=2"]),
    st.sampled_from(["jemalloc:background_thread=true,dirty_decay_ms=1000", "/opt/very/long/path/to/libfoo.so"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=150),
)
metrics = st.one_of(st.sampled_from(["wall", "cpu", "peak", "mean", "idle", "user", "faults", "throughput"]), words)
units = st.sampled_from(["s", "B", "1", "", "requests/s", "furlongs per fortnight squared"])
ratios = st.one_of(
    st.none(), st.floats(-1, 1), st.floats(-1, 1e300), st.sampled_from([float("nan"), float("inf"), -0.0004, 0.0995])
)
values = st.one_of(st.none(), st.floats(0, 1e4), st.floats(0, 1e300))
counts = st.integers(0, 10**6)

findings = st.builds(Finding, code=words, level=st.sampled_from(Level), seen=words, remedy=words)
effects = st.builds(
    Effect,
    candidate=spellings,
    metric=metrics,
    effect=ratios,
    low=ratios,
    high=ratios,
    verdict=st.sampled_from(Comparison),
    runs=counts,
    baseline=values,
    unit=units,
)
guards = st.builds(
    GuardCheck,
    candidate=spellings,
    metric=metrics,
    limit=st.floats(-1, 1e6),
    effect=ratios,
    low=ratios,
    high=ratios,
    state=st.sampled_from(GuardState),
)
grounds = st.builds(
    Ground,
    of=st.one_of(
        st.sampled_from(["allocator", "faults", "faults_again", "costs", "first_touches", "time", "memory"]), words
    ),
    metric=metrics,
    most=st.floats(0, 1e300),
    limit=st.one_of(st.none(), st.floats(0, 1e300)),
    unit=st.sampled_from(["1", "B"]),
)
diagnoses = st.builds(
    Diagnosis,
    advice=st.sampled_from(Advice),
    reason=words,
    primary=metrics,
    symptoms=st.lists(st.sampled_from(Symptom), max_size=3).map(tuple),
    grounds=st.lists(grounds, max_size=6).map(tuple),
)
controls = st.builds(Control, metric=metrics, noise=ratios, blocks=counts, effect=ratios, low=ratios, high=ratios)
numbers = st.floats(-1e300, 1e300)
levels = st.integers(1, 10**6)
limits = st.one_of(st.none(), st.floats(0, 1e300))
estimates = st.builds(Estimate, value=st.floats(0, 1e300), low=limits, high=limits)
rates = st.one_of(st.none(), st.floats(0, 1e300))
ramps = st.builds(
    Ramp,
    candidate=spellings,
    cores=st.integers(1, 512),
    effects=st.lists(
        st.builds(
            StepEffect,
            level=levels,
            metric=st.sampled_from(["throughput", "latency_p50", "latency_p99"]),
            baseline=values,
            value=values,
            unit=st.sampled_from(["1/s", "ms", "s"]),
            effect=ratios,
            low=ratios,
            high=ratios,
            rate=rates,
        ),
        max_size=6,
    ).map(tuple),
    points=st.lists(
        st.builds(Point, level=levels, throughput=st.floats(0, 1e300), rate=rates), min_size=1, max_size=5
    ).map(tuple),
    saturation=st.builds(
        Saturation,
        level=st.one_of(st.none(), levels),
        peak=st.floats(0, 1e300),
        limit=st.sampled_from(Limit),
        why=words,
    ),
    law=st.one_of(
        st.none(),
        st.builds(Law, rate=estimates, contention=estimates, coherence=estimates, peak=st.one_of(st.none(), estimates)),
    ),
    speedup=st.one_of(st.none(), estimates),
)
trends = st.builds(Trend, slope=numbers, low=numbers, high=numbers, typical=numbers, late=numbers)
growths = st.builds(
    Growth,
    candidate=spellings,
    kind=st.sampled_from(AtRest),
    cycles=counts,
    resident=st.one_of(st.none(), trends),
    live=st.one_of(st.none(), trends),
    why=words,
)
verdicts = st.builds(
    Verdict,
    outcome=st.sampled_from(Decision),
    candidate=st.one_of(st.none(), spellings),
    baseline=st.one_of(st.just("current"), spellings),
    objective=st.sampled_from(["balanced", "cpu", "memory"]),
    primary=metrics,
    rule=words,
    reason=words,
    comparisons=st.lists(effects, max_size=12).map(tuple),
    guards=st.lists(guards, max_size=6).map(tuple),
    control=st.one_of(st.none(), controls),
    excluded=st.one_of(st.none(), st.floats(0, 10)),
    detectable=ratios,
    runs=counts,
    runs_needed=st.one_of(st.none(), counts),
    ramps=st.lists(ramps, max_size=3).map(tuple),
    growths=st.lists(growths, max_size=3).map(tuple),
    not_tried=st.lists(st.builds(NotTried, candidate=spellings, reason=words), max_size=4).map(tuple),
    findings=st.lists(findings, max_size=4).map(tuple),
    diagnosis=st.one_of(st.none(), diagnoses),
)

# What execve can take: no NUL; bytes that are no UTF-8 arrive as surrogate escapes.
arguments = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
        st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
    ),
    max_size=200,
)
commands = st.lists(arguments, min_size=1, max_size=8)
workloads = st.builds(
    Workload,
    argv=commands.map(tuple),
    directory=st.just("/srv"),
    stdin=st.one_of(st.just("/dev/null"), arguments),
    prepare=arguments,
    timeout=st.one_of(st.none(), st.floats(0.1, 1e6)),
    metrics=st.lists(
        st.builds(Metric, name=metrics, pattern=words, unit=units, direction=st.sampled_from(Direction)), max_size=2
    ).map(tuple),
)

slots = st.builds(Slot, stage=st.sampled_from(Stage), block=counts, position=counts, candidate=spellings)
progresses = st.builds(
    Progress,
    running=st.one_of(st.none(), slots),
    done=counts,
    expected=counts,
    elapsed=st.floats(0, 1e6),
    remaining=st.floats(0, 1e6),
    leader=st.one_of(st.just(""), spellings),
    effect=ratios,
    low=ratios,
    high=ratios,
)
widths = st.integers(40, 120)
