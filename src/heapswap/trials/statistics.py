"""Runs as numbers. Everything is compared as the logarithm of a metric, turned so that less is always better."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, expm1, log, log1p
from statistics import median

import numpy as np
from numpy.typing import NDArray

from heapswap.trials.model import Outcome, Run
from heapswap.workload import Direction

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

RESOLUTION = {"s": 1e-4, "B": 4096.0}
"""Smaller values of these units are lifted to this: a clock tick, a page."""

STARTING = 0.05
"""seconds that starting and collecting a run takes beside the run itself, at the least"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How one metric is turned into a cost, of which less is better, and back into an effect."""

    metric: str
    unit: str
    direction: Direction

    def cost(self, run: Run) -> float:
        """The logarithm of the value, negated where more is better; NaN where the run cannot be compared."""
        if run.outcome is not Outcome.COMPLETED:
            return float("nan")
        return self.cost_of(run.value(self.metric))

    def cost_of(self, value: float | None) -> float:
        """The same of one value; NaN where there is none."""
        if value is None:
            return float("nan")
        value = max(value, RESOLUTION.get(self.unit, 0.0))
        if value <= 0:
            return float("nan")
        return log(value) if self.direction is Direction.LESS else -log(value)

    def costs(self, runs: Iterable[Run]) -> Numbers:
        """The cost of each run, in order."""
        return np.array([self.cost(run) for run in runs], dtype=np.float64)

    def effect(self, difference: float) -> float:
        """Candidate / baseline - 1 from a difference of costs."""
        return expm1(difference if self.direction is Direction.LESS else -difference)

    def value(self, cost: float) -> float:
        """The value that has this cost, in the metric's unit."""
        return exp(cost if self.direction is Direction.LESS else -cost)

    def improvement(self, ratio: float) -> float:
        """The difference of costs, zero or less, of an improvement by a ratio: 0.02 is two percent less, or more."""
        if self.direction is Direction.MORE:
            return -log1p(ratio)
        return log1p(-ratio) if ratio < 1 else float("-inf")

    def worsening(self, ratio: float) -> float:
        """The difference of costs, zero or more, of a worsening by a ratio."""
        if self.direction is Direction.LESS:
            return log1p(ratio)
        return -log1p(-ratio) if ratio < 1 else float("inf")


def scale(runs: Iterable[Run], metric: str) -> Scale | None:
    """How a metric is compared, as its first measurement says; None where no run has it."""
    for run in runs:
        for row in run.measurements:
            if row.metric == metric and row.phase == "whole":
                return Scale(metric=metric, unit=row.unit, direction=row.direction)
    return None


def typical(runs: Iterable[Run], metric: str) -> float | None:
    """The median of a metric over the runs that completed, in its unit; None where there is none."""
    found = [value for run in runs if run.outcome is Outcome.COMPLETED and (value := run.value(metric)) is not None]
    return median(found) if found else None


def duration(run: Run) -> float:
    """Seconds that a run took of the budget."""
    return lasted(run) + max(run.around, STARTING)


def lasted(run: Run) -> float:
    """Seconds from the start of a run's program to its end."""
    ended = run.timeline[-1].at if run.timeline else 0.0
    return max(run.value("wall") or 0.0, ended)


def of(runs: Sequence[Run], candidate: str) -> tuple[Run, ...]:
    """The runs of one candidate."""
    return tuple(run for run in runs if run.slot.candidate == candidate)
