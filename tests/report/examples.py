"""Verdicts as real trials give them, one for each answer; the golden files show them."""

from dataclasses import replace

from heapswap.findings import Finding, Level
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

MIB = 1024 * 1024
BASELINE = {"wall": (1.25, "s"), "cpu": (1.21, "s"), "peak": (132 * MIB, "B"), "mean": (98 * MIB, "B")}
IDLE = {"idle": (121 * MIB, "B")}
LONG = "jemalloc:background_thread=true,dirty_decay_ms=1000"
PATH = "/opt/very/long/path/to/allocators/libfoo.so"

LUA = Workload(argv=("/usr/bin/lua5.4", "corpus/lua_churn.lua", "--rounds", "40"), directory="/srv")
SERVICE = Workload(
    argv=("/usr/bin/python3", "-c", "import app; app.serve(requests=20_000, images='a folder with blanks')"),
    directory="/srv",
    stdin="/srv/requests.txt",
    prepare="rm -rf cache",
)

Triple = tuple[float, float | None, float | None]


def effects(
    candidate: str, runs: int, better: str = "", values: dict[str, tuple[float, str]] = BASELINE, **rows: Triple
) -> tuple[Effect, ...]:
    """One row for each metric named; `better` names those that are."""
    return tuple(
        Effect(
            candidate=candidate,
            metric=metric,
            effect=effect,
            low=low,
            high=high,
            verdict=_said(metric in better.split(), low),
            runs=runs,
            baseline=values[metric][0],
            unit=values[metric][1],
        )
        for metric, (effect, low, high) in rows.items()
    )


def _said(better: bool, low: float | None) -> Comparison:
    if low is None:
        return Comparison.UNKNOWN
    return Comparison.BETTER if better else Comparison.NOT_BETTER


def guard(candidate: str, metric: str, limit: float, row: Triple, state: GuardState) -> GuardCheck:
    effect, low, high = row
    return GuardCheck(candidate=candidate, metric=metric, limit=limit, effect=effect, low=low, high=high, state=state)


ADOPT = Verdict(
    outcome=Decision.ADOPT,
    candidate="mimalloc",
    baseline="current",
    objective="cpu",
    primary="cpu",
    rule="beyond-the-margin",
    reason="mimalloc changes cpu by -38.1 %, shown in 8 blocks of random order, and its guards hold",
    comparisons=(
        *effects(
            "mimalloc",
            16,
            "cpu wall",
            wall=(-0.372, -0.395, -0.348),
            cpu=(-0.381, -0.402, -0.359),
            peak=(0.041, 0.031, 0.049),
            mean=(0.022, 0.013, 0.031),
        ),
        *effects(
            "jemalloc/fast",
            16,
            "cpu wall",
            wall=(-0.241, -0.275, -0.208),
            cpu=(-0.252, -0.281, -0.224),
            peak=(0.182, 0.171, 0.193),
            mean=(0.151, 0.142, 0.160),
        ),
        *effects(
            "jemalloc",
            4,
            wall=(-0.21, None, None),
            cpu=(-0.22, None, None),
            peak=(0.12, None, None),
            mean=(0.1, None, None),
        ),
        *effects(
            "system:arena_max=2",
            2,
            wall=(0.004, None, None),
            cpu=(-0.001, None, None),
            peak=(0.0, None, None),
            mean=(-0.002, None, None),
        ),
        *effects(
            LONG,
            2,
            wall=(0.114, None, None),
            cpu=(0.121, None, None),
            peak=(-0.052, None, None),
            mean=(-0.08, None, None),
        ),
    ),
    guards=(
        guard("mimalloc", "peak", 0.25, (0.041, 0.034, 0.047), GuardState.HELD),
        guard("mimalloc", "mean", 0.33, (0.022, 0.015, 0.029), GuardState.HELD),
        guard("jemalloc/fast", "peak", 0.25, (0.182, 0.174, 0.190), GuardState.HELD),
        guard("jemalloc/fast", "mean", 0.33, (0.151, 0.144, 0.158), GuardState.HELD),
    ),
    control=Control(metric="cpu", noise=0.018, blocks=8, effect=0.002, low=-0.011, high=0.015),
    runs=64,
    not_tried=(
        NotTried(candidate="mimalloc+secure", reason="the budget holds no more candidates"),
        NotTried(candidate="jemalloc/returning", reason="the budget holds no more candidates"),
        NotTried(
            candidate="snmalloc", reason="not built on this machine: cmake was missing when heapswap was installed"
        ),
    ),
    findings=(
        Finding(
            code="steal",
            level=Level.NOTE,
            seen="the hypervisor took 3 % of the CPU time during the confirming runs",
            remedy="repeat on a quiet machine where smaller effects matter",
        ),
    ),
)

KEEP = Verdict(
    outcome=Decision.KEEP,
    candidate=None,
    baseline="current",
    objective="time",
    primary="wall",
    rule="gain-excluded",
    reason="a gain in wall above 7 % is excluded for every candidate, those dropped after screening included",
    comparisons=(
        *effects("mimalloc", 22, wall=(-0.012, -0.031, 0.008), cpu=(-0.01, -0.022, 0.003), peak=(0.06, 0.05, 0.07)),
        *effects("jemalloc", 4, wall=(0.02, None, None), cpu=(0.018, None, None), peak=(0.11, None, None)),
    ),
    control=Control(metric="wall", noise=0.034, blocks=11, effect=-0.004, low=-0.03, high=0.022),
    excluded=0.071,
    detectable=0.048,
    runs=52,
)

INCONCLUSIVE = Verdict(
    outcome=Decision.INCONCLUSIVE,
    candidate=None,
    baseline="current",
    objective="balanced",
    primary="wall",
    rule="undecided",
    reason="no gain beyond the margin was shown, and one of up to 13 % is not excluded",
    comparisons=(
        *effects(
            PATH,
            10,
            wall=(-0.062, -0.131, 0.012),
            cpu=(-0.05, -0.101, 0.004),
            peak=(0.11, 0.09, 0.13),
            mean=(0.08, 0.06, 0.1),
        ),
        *effects("mimalloc+secure@3.1.5", 2, wall=(0.05, None, None), cpu=(0.04, None, None), peak=(0.2, None, None)),
    ),
    guards=(
        guard(PATH, "cpu", 0.05, (-0.05, -0.09, -0.01), GuardState.HELD),
        guard(PATH, "peak", 0.121, (0.11, 0.095, 0.125), GuardState.OPEN),
        guard(PATH, "mean", 0.163, (0.08, 0.065, 0.095), GuardState.HELD),
    ),
    control=Control(metric="wall", noise=0.081, blocks=5, effect=0.01, low=-0.07, high=0.09),
    runs=44,
    runs_needed=24,
)

UNSAFE = Verdict(
    outcome=Decision.UNSAFE,
    candidate=None,
    baseline="current",
    objective="balanced",
    primary="cpu",
    rule="fails-or-differs",
    reason="jemalloc printed something else in 3 of 12 runs, and the baseline never did",
    comparisons=(
        *effects("mimalloc", 12, wall=(-0.02, -0.05, 0.01), cpu=(-0.02, -0.04, 0.0), peak=(0.02, 0.01, 0.03)),
    ),
    control=Control(metric="cpu", noise=0.02, blocks=5),
    runs=36,
    findings=(
        Finding(
            code="other-output",
            level=Level.ERROR,
            seen="jemalloc printed something else in 3 of 12 runs; both baselines agreed in every block",
            remedy="compare the outputs in the results folder; the program may read memory it has not set",
        ),
    ),
)

MEMORY = Verdict(
    outcome=Decision.ADOPT,
    candidate="system:arena_max=2",
    baseline="current",
    objective="memory",
    primary="idle",
    rule="beyond-the-margin",
    reason="system:arena_max=2 changes idle by -71.9 %, shown in 5 blocks of random order, and its guards hold",
    comparisons=(
        *effects(
            "system:arena_max=2",
            12,
            "idle mean peak",
            BASELINE | IDLE,
            wall=(0.004, -0.009, 0.017),
            cpu=(0.003, -0.008, 0.014),
            peak=(-0.121, -0.128, -0.114),
            mean=(-0.31, -0.32, -0.3),
            idle=(-0.719, -0.728, -0.709),
        ),
        *effects(
            LONG,
            12,
            "idle mean",
            BASELINE | IDLE,
            wall=(0.024, 0.009, 0.037),
            cpu=(0.043, 0.028, 0.059),
            peak=(0.421, 0.408, 0.434),
            mean=(-0.28, -0.29, -0.27),
            idle=(-0.744, -0.751, -0.737),
        ),
        *effects(
            "system:trim_threshold=65536",
            12,
            "idle mean peak",
            BASELINE | IDLE,
            wall=(0.204, 0.189, 0.22),
            cpu=(0.213, 0.198, 0.229),
            peak=(-0.12, -0.13, -0.11),
            mean=(-0.48, -0.49, -0.47),
            idle=(-0.81, -0.82, -0.8),
        ),
    ),
    guards=(
        *(
            guard("system:arena_max=2", metric, limit, row, GuardState.HELD)
            for metric, limit, row in (
                ("cpu", 0.15, (0.003, -0.005, 0.011)),
                ("wall", 0.15, (0.004, -0.006, 0.014)),
                ("peak", 0.121, (-0.121, -0.126, -0.116)),
            )
        ),
        guard(LONG, "cpu", 0.15, (0.043, 0.032, 0.055), GuardState.HELD),
        guard(LONG, "peak", 0.121, (0.421, 0.412, 0.43), GuardState.BROKEN),
        guard("system:trim_threshold=65536", "cpu", 0.15, (0.213, 0.201, 0.225), GuardState.BROKEN),
        guard("system:trim_threshold=65536", "wall", 0.15, (0.204, 0.19, 0.217), GuardState.BROKEN),
        guard("system:trim_threshold=65536", "peak", 0.121, (-0.12, -0.127, -0.113), GuardState.HELD),
    ),
    control=Control(metric="idle", noise=0.002, blocks=5, effect=0.0, low=-0.001, high=0.001),
    runs=58,
)

OPEN = Verdict(
    outcome=Decision.ADOPT,
    candidate="jemalloc/returning",
    baseline="current",
    objective="memory",
    primary="peak",
    rule="beyond-the-margin",
    reason="jemalloc/returning changes peak by -31.0 %, shown in 5 blocks of random order, and its guards hold",
    comparisons=effects(
        "jemalloc/returning", 10, "peak", peak=(-0.31, -0.32, -0.3), wall=(0.09, 0.01, 0.17), cpu=(0.11, 0.05, 0.17)
    ),
    guards=(
        guard("jemalloc/returning", "cpu", 0.15, (0.11, 0.06, 0.16), GuardState.OPEN),
        guard("jemalloc/returning", "wall", 0.15, (0.09, 0.02, 0.16), GuardState.OPEN),
    ),
    control=Control(metric="peak", noise=0.004, blocks=5),
    runs=38,
)

UNKNOWN = Verdict(
    outcome=Decision.INCONCLUSIVE,
    candidate=None,
    baseline="current",
    objective="balanced",
    primary="wall",
    rule="undecided",
    reason="no gain beyond the margin was shown, and none is excluded",
    comparisons=tuple(
        Effect(
            candidate=candidate,
            metric=metric,
            effect=None,
            low=None,
            high=None,
            verdict=Comparison.UNKNOWN,
            runs=runs,
            baseline=1.25 if metric == "wall" else None,
            unit="s" if metric == "wall" else "B",
        )
        for candidate, runs in (("mimalloc", 1), ("jemalloc", 0))
        for metric in ("wall", "peak")
    ),
    guards=(
        GuardCheck(
            candidate="mimalloc", metric="peak", limit=0.121, effect=None, low=None, high=None, state=GuardState.OPEN
        ),
    ),
    control=Control(metric="wall", noise=None, blocks=0),
    runs=4,
)

OWN = Workload(
    argv=("/srv/server", "--bench"),
    directory="/srv",
    metrics=(Metric(name="throughput", pattern=r"rate: (\d+)", unit="requests/s", direction=Direction.MORE),),
)
OWN_METRIC = Verdict(
    outcome=Decision.ADOPT,
    candidate="mimalloc",
    baseline="current",
    objective="throughput",
    primary="throughput",
    rule="beyond-the-margin",
    reason="mimalloc changes throughput by +14.3 %, shown in 5 blocks of random order, and its guards hold",
    comparisons=(
        *effects(
            "jemalloc",
            10,
            "throughput",
            BASELINE | {"throughput": (18250.0, "requests/s")},
            throughput=(0.082, 0.061, 0.103),
            wall=(-0.07, -0.09, -0.05),
            peak=(0.02, 0.01, 0.03),
        ),
        *effects(
            "mimalloc",
            10,
            "throughput wall",
            BASELINE | {"throughput": (18250.0, "requests/s")},
            throughput=(0.143, 0.122, 0.164),
            wall=(-0.12, -0.14, -0.1),
            peak=(0.04, 0.03, 0.05),
        ),
    ),
    runs=44,
)

CROWDED = Verdict(
    outcome=Decision.KEEP,
    candidate=None,
    baseline="current",
    objective="memory",
    primary="peak",
    rule="floor-out-of-reach",
    reason="a gain below 8.0 MiB does not count, and peak is less than that",
    findings=(
        Finding(
            code="nondeterministic",
            level=Level.NOTE,
            seen="the program prints something else in every run, so outputs are not compared",
            remedy="",
        ),
        Finding(
            code="bundled-allocator",
            level=Level.WARNING,
            seen="polars bundles jemalloc 5.3.0 in /usr/lib/python3/dist-packages/polars/polars.abi3.so and serves its"
            " own memory from it",
            remedy="its share is not affected by a swap; set _RJEM_MALLOC_CONF to tune it",
        ),
        Finding(
            code="preload-present",
            level=Level.WARNING,
            seen="LD_PRELOAD names /usr/lib/libapm.so, which is kept in every run",
            remedy="repeat without it to tell its effect apart",
        ),
        Finding(
            code="own-malloc",
            level=Level.ERROR,
            seen="/usr/bin/redis-server imports mallctl, so it needs the jemalloc that it was linked with",
            remedy="leave its allocator as it is, and tune it through MALLOC_CONF",
        ),
        Finding(
            code="nondeterministic",
            level=Level.NOTE,
            seen="the program prints something else in every run, so outputs are not compared",
            remedy="",
        ),
    ),
    runs=1,
)

PROFILED = Verdict(
    outcome=Decision.KEEP,
    candidate=None,
    baseline="current",
    objective="balanced",
    primary="wall",
    rule="no-measured-bottleneck",
    reason="no allocator can take more than 7.3 % off wall time (10 % would count), and allocation costs at most 4.9 % "
    "of it (5 % would show); at most 0.9 MiB is resident beside live blocks, and less than 12.3 MiB does not count",
    runs=1,
    diagnosis=Diagnosis(
        advice=Advice.NO_BOTTLENECK,
        reason="no allocator can take more than 7.3 % off wall time (10 % would count), and allocation costs at most "
        "4.9 % of it (5 % would show); at most 0.9 MiB is resident beside live blocks, and less than 12.3 MiB does not "
        "count",
        primary="wall",
        grounds=(
            Ground(of="allocator", metric="wall", most=0.0448),
            Ground(of="faults_again", metric="wall", most=0.0042),
            Ground(of="waiting", metric="wall", most=0.0),
            Ground(of="costs", metric="wall", most=0.049, limit=0.05),
            Ground(of="first_touches", metric="wall", most=0.0042),
            Ground(of="layout", metric="wall", most=0.02),
            Ground(of="time", metric="wall", most=0.0732, limit=0.1),
            Ground(of="memory", metric="memory", most=0.9 * MIB, limit=12.3 * MIB, unit="B"),
        ),
        profile="sha256:5e1f",
    ),
)

RETAINING = replace(
    MEMORY,
    diagnosis=Diagnosis(
        advice=Advice.RETAINS,
        reason="up to 102 MiB is resident beside live blocks, and less than 12.1 MiB does not count",
        primary="idle",
        symptoms=(Symptom.RETENTION, Symptom.ARENAS),
        grounds=(Ground(of="memory", metric="memory", most=102 * MIB, limit=12.1 * MIB, unit="B"),),
        profile="sha256:5e1f",
    ),
)
OBJECTS = replace(
    INCONCLUSIVE,
    diagnosis=Diagnosis(
        advice=Advice.OBJECTS,
        reason="no malloc can take more than 5.9 % off wall time (10 % would count), and allocation costs at most "
        "3.7 % of it (5 % would show)",
        primary="wall",
        symptoms=(Symptom.OBJECTS,),
        grounds=(
            Ground(of="costs", metric="wall", most=0.037, limit=0.05),
            Ground(of="time", metric="wall", most=0.059, limit=0.1),
        ),
        profile="sha256:5e1f",
    ),
)
NOT_SHOWN = replace(
    INCONCLUSIVE,
    diagnosis=Diagnosis(
        advice=Advice.UNKNOWN,
        reason="the run used 12 ms of CPU, too few to tell",
        primary="wall",
        profile="sha256:5e1f",
    ),
)

CASES = {
    "adopt": (ADOPT, LUA),
    "keep": (KEEP, LUA),
    "inconclusive": (INCONCLUSIVE, SERVICE),
    "unsafe": (UNSAFE, LUA),
    "memory": (MEMORY, SERVICE),
    "open-guards": (OPEN, LUA),
    "unknown": (UNKNOWN, LUA),
    "own-metric": (OWN_METRIC, OWN),
    "crowded": (CROWDED, LUA),
    "profiled": (PROFILED, LUA),
    "retaining": (RETAINING, SERVICE),
    "objects": (OBJECTS, SERVICE),
    "not-shown": (NOT_SHOWN, SERVICE),
}
RESULTS = "/home/user/.local/state/heapswap/2026-11-23T18-02-11-lua5.4"
