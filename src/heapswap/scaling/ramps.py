"""The runs of a service as ramps: one a candidate, with its effect at every step, its saturation and its law."""

from collections.abc import Iterable, Sequence
from math import exp, sqrt

import numpy as np
from scipy.special import stdtrit

from heapswap.estimate import Estimate
from heapswap.scaling.model import Point, Ramp, StepEffect
from heapswap.scaling.saturation import saturation
from heapswap.scaling.usl import ERROR, fit, measurable
from heapswap.trials.confirmation import Blocks
from heapswap.trials.intervals import estimate, interval, paired
from heapswap.trials.model import Measurement, Outcome, Run, Step, Trial
from heapswap.trials.observed import Observed, observe
from heapswap.trials.statistics import Numbers, Scale
from heapswap.workload import Level

THROUGHPUT = "throughput"
LATENCIES = ("latency_p99", "latency_p50", "latency_mean")
INTERVAL_ERROR = 0.01
"""of the intervals of effects, both sides"""


def ramps(trial: Trial) -> tuple[Ramp, ...]:
    """The ramp of the baseline, then of every candidate that has one; none for a plain command."""
    if trial.workload.service is None:
        return ()
    seen = observe(trial.design, trial.runs)
    cores = trial.environment.cores
    names = (trial.design.baseline, *trial.design.candidates)
    return tuple(found for name in names if (found := _ramp(seen, name, cores)) is not None)


def _ramp(seen: Observed, candidate: str, cores: int) -> Ramp | None:
    runs = [run for run in seen.of(candidate) if run.outcome is Outcome.COMPLETED]
    levels = list(dict.fromkeys(_level(step) for run in runs for step in run.steps))
    points = [point for level in levels if (point := _point(runs, level)) is not None]
    if not points:
        return None
    clients = [level.concurrency for level in levels if level.rate is None and level.concurrency <= cores]
    return Ramp(
        candidate=candidate,
        cores=cores,
        effects=() if candidate == seen.design.baseline else tuple(_effects(seen, candidate, levels)),
        points=tuple(points),
        saturation=saturation(points, cores),
        law=fit(clients, _throughput(runs, clients)) if measurable(clients, cores) else None,
        speedup=_speedup(runs, levels),
    )


# --- values ---------------------------------------------------------------------------------------------------------


def _level(step: Step) -> Level:
    return Level(concurrency=step.concurrency, rate=step.rate)


def _at(run: Run, level: Level) -> list[Step]:
    """The steps of a run at one level: one a cycle."""
    return [step for step in run.steps if _level(step) == level]


def _value(run: Run, level: Level, metric: str) -> float:
    """The median over cycles; NaN where the load's output had none."""
    found = [value for step in _at(run, level) if (value := step.value(metric)) is not None]
    return float(np.median(found)) if found else float("nan")


def _point(runs: Sequence[Run], level: Level) -> Point | None:
    steps = [step for run in runs for step in _at(run, level) if step.value(THROUGHPUT) is not None]
    if not steps:
        return None
    latencies = [value / 1000 for step in steps if (value := step.value("latency_mean")) is not None]
    return Point(
        level=level.concurrency,
        throughput=_middle(step.value(THROUGHPUT) or 0.0 for step in steps),
        latency=_middle(latencies) if latencies else None,
        service=_middle(step.cpu / _length(step) for step in steps),
        load=_middle(step.load_cpu / _length(step) for step in steps),
        machine=_middle(step.busy / _length(step) for step in steps),
        rate=level.rate,
        service_waiting=_rate_where_known((step.waiting, step) for step in steps),
        load_waiting=_rate_where_known((step.load_waiting, step) for step in steps),
    )


def _rate_where_known(waited: Iterable[tuple[float | None, Step]]) -> float | None:
    rates = [seconds / _length(step) for seconds, step in waited if seconds is not None]
    return _middle(rates) if rates else None


def _length(step: Step) -> float:
    return max(step.ended - step.started, 1e-3)


def _middle(values: Iterable[float]) -> float:
    return float(np.median(list(values)))


def _throughput(runs: Sequence[Run], clients: Sequence[int]) -> Numbers:
    """Runs x levels."""
    return np.array([[_value(run, Level(concurrency=n), THROUGHPUT) for n in clients] for run in runs])


# --- effects --------------------------------------------------------------------------------------------------------


def _effects(seen: Observed, candidate: str, levels: Sequence[Level]) -> Iterable[StepEffect]:
    for level in levels:
        for metric in (THROUGHPUT, *LATENCIES):
            row = _row(seen.runs, level, metric)
            if row is not None:
                measure = Scale(metric=metric, unit=row.unit, direction=row.direction)
                yield _effect(seen, candidate, level, measure)


def _row(runs: Sequence[Run], level: Level, metric: str) -> Measurement | None:
    rows = (row for run in runs for step in _at(run, level) for row in step.metrics)
    return next((row for row in rows if row.metric == metric), None)


def _effect(seen: Observed, candidate: str, level: Level, measure: Scale) -> StepEffect:
    costs = np.array([_cost(run, level, measure) for run in seen.runs])
    difference, limits = _compared(seen, candidate, costs)
    low, high = sorted(measure.effect(at) for at in limits) if limits else (None, None)
    return StepEffect(
        level=level.concurrency,
        metric=measure.metric,
        unit=measure.unit,
        baseline=_typical(seen.baseline, level, measure.metric),
        value=_typical(seen.of(candidate), level, measure.metric),
        effect=None if difference is None else measure.effect(difference),
        low=low,
        high=high,
        rate=level.rate,
    )


def _cost(run: Run, level: Level, measure: Scale) -> float:
    return measure.cost_of(_value(run, level, measure.metric)) if run.outcome is Outcome.COMPLETED else float("nan")


def _typical(runs: Iterable[Run], level: Level, metric: str) -> float | None:
    found = [value for run in runs if run.outcome is Outcome.COMPLETED and (value := _value(run, level, metric)) > 0]
    return _middle(found) if found else None


def _compared(seen: Observed, candidate: str, costs: Numbers) -> tuple[float | None, tuple[float, float] | None]:
    """The difference of costs within blocks, and its limits: by permutation in confirming blocks, else by ranks."""
    places = seen.confirming(candidate)
    whole = np.isfinite(costs[places]).all(axis=1)
    blocks = Blocks(costs[places[whole]], seen.arms[places[whole]] == seen.arm(candidate))
    if (known := estimate(blocks)) is not None:
        return known.difference, interval(blocks, INTERVAL_ERROR)
    differences = _within_blocks(seen, candidate, costs)
    if not len(differences):
        return None, None
    return float(np.median(differences)), paired(differences, INTERVAL_ERROR)


def _within_blocks(seen: Observed, candidate: str, costs: Numbers) -> Numbers:
    """Candidate less baseline, each the mean of its runs in the block; of the blocks that have both."""
    numbers = np.array([run.slot.block for run in seen.runs])
    usable = np.isfinite(costs)
    found = []
    for block in np.unique(numbers):
        mine = costs[usable & (numbers == block) & (seen.arms == seen.arm(candidate))]
        base = costs[usable & (numbers == block) & (seen.arms == 0)]
        if len(mine) and len(base):
            found.append(float(mine.mean() - base.mean()))
    return np.array(found)


def _speedup(runs: Sequence[Run], levels: Sequence[Level]) -> Estimate | None:
    """Throughput at the second step over the first, the geometric mean over runs with Student's limits."""
    if len(levels) < 2:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log([_value(run, levels[1], THROUGHPUT) / _value(run, levels[0], THROUGHPUT) for run in runs])
    logs = logs[np.isfinite(logs)]
    if not len(logs):
        return None
    centre = float(logs.mean())
    if len(logs) < 2:
        return Estimate(value=exp(centre))
    reach = -float(stdtrit(len(logs) - 1, ERROR / 2)) * float(logs.std(ddof=1)) / sqrt(len(logs))
    return Estimate(value=exp(centre), low=exp(centre - reach), high=exp(centre + reach))
