"""A trial as the rules see it: finalists, standings, effects and limits, each worked out once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from heapswap.scaling.model import Growth, Ramp
from heapswap.scaling.ramps import ramps
from heapswap.scaling.rest import growths
from heapswap.trials import finalists as contest
from heapswap.trials.confirmation import Blocks
from heapswap.trials.exclusion import LEAST_RUNS, Exclusion
from heapswap.trials.finalists import Finalist, State, finalists
from heapswap.trials.intervals import detectable, estimate, interval, paired, screened
from heapswap.trials.model import Design, Run, Stage, Trial
from heapswap.trials.observed import Guard, Observed, observe
from heapswap.trials.screening import Standing, fit_metric, standings
from heapswap.trials.statistics import Numbers, Scale, typical
from heapswap.trials.trouble import is_repeatable, is_unsafe, outputs, went_wrong
from heapswap.verdict.model import Comparison, Control, Effect, GuardCheck, GuardState
from heapswap.verdict.objective import margin

INTERVAL_ERROR = 0.01
"""intervals are 99 % intervals, shared by the finalists"""

GUARD_ERROR = 0.10
"""both sides of a guard's interval: 5 % on each, so that either end is a 95 % limit"""

BUILT_IN = (
    *("wall", "cpu", "throughput", "latency_p50", "latency_p99", "latency_mean", "cpu_per_request"),
    *("peak", "mean", "idle"),
)


@dataclass(frozen=True)
class Evidence:
    """A trial, and what follows from it."""

    trial: Trial

    @property
    def design(self) -> Design:
        return self.trial.design

    @property
    def runs(self) -> tuple[Run, ...]:
        return self.trial.runs

    @cached_property
    def observed(self) -> Observed:
        """The runs as numbers."""
        return observe(self.design, self.runs)

    @property
    def primary(self) -> Scale | None:
        """How the primary metric is compared."""
        return self.observed.primary

    @cached_property
    def finalists(self) -> tuple[Finalist, ...]:
        return finalists(self.observed)

    @cached_property
    def winners(self) -> tuple[Finalist, ...]:
        return tuple(one for one in self.finalists if one.state is State.WON)

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """Every candidate that was run, in order of promise."""
        return tuple(one for one in standings(self.observed) if one.runs)

    @property
    def tried(self) -> tuple[str, ...]:
        """Every candidate that was run, in order of promise."""
        return tuple(name for name in self.design.candidates if self.observed.of(name))

    @property
    def threshold(self) -> float:
        """The difference of costs that a gain must be beyond."""
        return self.observed.threshold

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The primary metric first, then the built-in ones, then the user's own."""
        seen = dict.fromkeys(row.metric for run in self.runs for row in run.measurements if row.phase == "whole")
        own = [name for name in seen if name in self.own_metrics]
        order = (self.design.criteria.primary, *(name for name in BUILT_IN if name in seen), *own)
        return tuple(dict.fromkeys(order))

    @cached_property
    def own_metrics(self) -> frozenset[str]:
        return frozenset(metric.name for metric in self.trial.workload.metrics)

    # --- runs that did not work --------------------------------------------------------------------------------

    @cached_property
    def baseline_outputs(self) -> int:
        """Different outputs of the baseline that its settings do not explain; 1 where they do."""
        if is_repeatable(self.runs, self.design.baseline):
            return 1
        return len({one for block in outputs(self.runs, self.design.baseline).values() for one in block})

    def bad(self, candidate: str) -> tuple[Run, ...]:
        """Runs that failed, or printed something else than the baseline would have."""
        return tuple(run for run in self.observed.of(candidate) if went_wrong(run, self.observed.expected))

    def is_unsafe(self, candidate: str) -> bool:
        """Whether it fails, or prints something else, where the baseline does not."""
        return is_unsafe(self.observed.of(candidate), self.observed.baseline, self.observed.expected)

    @cached_property
    def unsafe(self) -> tuple[str, ...]:
        return tuple(name for name in self.tried if self.is_unsafe(name))

    # --- effects -----------------------------------------------------------------------------------------------

    def blocks(self, candidate: str, measure: Scale) -> Blocks:
        """The confirming blocks of a candidate on one metric."""
        return self.observed.blocks(candidate, measure)

    def limits(self, candidate: str, measure: Scale, error: float) -> tuple[float, float] | None:
        """Limits of the difference of costs: by permutation for a finalist, else from the fit; None from one run."""
        seen = self.blocks(candidate, measure)
        if len(seen):
            return interval(seen, error)
        if self.observed.comparable(candidate, measure) < LEAST_RUNS:
            return None
        found, arm = fit_metric(self.observed, measure), self.observed.arm(candidate)
        return screened(float(found.difference[arm]), float(found.cautious[arm]), found.freedom, error)

    def difference(self, candidate: str, measure: Scale) -> float | None:
        """The typical difference of costs."""
        found = estimate(self.blocks(candidate, measure))
        if found is not None:
            return found.difference
        value = float(fit_metric(self.observed, measure).difference[self.observed.arm(candidate)])
        return value if np.isfinite(value) else None

    def effect(self, candidate: str, metric: str) -> Effect | None:
        """One comparison; None where no baseline run has the metric."""
        measure = self.observed.scale(metric)
        usual = typical(self.observed.baseline, metric)
        if measure is None or usual is None:
            return None
        difference = self.difference(candidate, measure)
        error = INTERVAL_ERROR / max(len(self.finalists), 1)
        limits = self.limits(candidate, measure, error) if difference is not None else None
        low, high = _turned(measure, limits)
        return Effect(
            candidate=candidate,
            metric=metric,
            effect=None if difference is None else measure.effect(difference),
            low=low,
            high=high,
            verdict=self._said(candidate, measure, limits, usual),
            runs=self.observed.comparable(candidate, measure),
            baseline=usual,
            unit=measure.unit,
        )

    def _said(self, candidate: str, measure: Scale, limits: tuple[float, float] | None, usual: float) -> Comparison:
        if measure.metric == self.design.criteria.primary:
            beyond = self.threshold
            if any(one.candidate == candidate and one.crossed is not None for one in self.finalists):
                return Comparison.BETTER
        else:
            needed = margin(measure.metric, measure.unit)
            beyond = measure.improvement(max(needed.ratio, needed.floor / usual if usual > 0 else 1.0))
        if limits is None:
            return Comparison.UNKNOWN
        if limits[1] < beyond:
            return Comparison.BETTER
        return Comparison.NOT_BETTER if limits[0] > beyond else Comparison.UNKNOWN

    # --- guards ------------------------------------------------------------------------------------------------

    def guard(self, candidate: str, guard: Guard) -> GuardCheck | None:
        """One guard of one candidate; None where no run of it can be compared."""
        measure, limit = guard.measure, guard.limit
        difference = self.difference(candidate, measure)
        if difference is None:
            return None
        limits = self.limits(candidate, measure, GUARD_ERROR)
        low, high = _turned(measure, limits)
        return GuardCheck(
            candidate=candidate,
            metric=measure.metric,
            limit=measure.effect(limit),
            effect=measure.effect(difference),
            low=low,
            high=high,
            state=self.guard_state(candidate, guard),
        )

    def guard_state(self, candidate: str, guard: Guard) -> GuardState:
        """Whether one candidate holds a guard: by its own blocks, or where it has none by all runs together."""
        if len(seen := self.blocks(candidate, guard.measure)):
            return GuardState(contest.guard_state(seen, guard.limit).value)
        limits = self.limits(candidate, guard.measure, GUARD_ERROR)
        if limits is None:
            return GuardState.OPEN
        return (
            GuardState.HELD
            if limits[1] <= guard.limit
            else GuardState.BROKEN
            if limits[0] > guard.limit
            else GuardState.OPEN
        )

    @cached_property
    def guards(self) -> tuple[GuardCheck, ...]:
        """Every guard of every candidate that was run."""
        return tuple(
            check
            for name in self.tried
            for guard in self.observed.guards
            if (check := self.guard(name, guard)) is not None
        )

    # --- what is excluded --------------------------------------------------------------------------------------

    @cached_property
    def exclusion(self) -> Exclusion:
        return Exclusion(observed=self.observed, standings=self.standings)

    @property
    def adoptable(self) -> tuple[str, ...]:
        """Candidates whose gain would count: they work, and no guard is known to be broken."""
        return self.exclusion.adoptable

    @property
    def excluded(self) -> float | None:
        """A gain above this is excluded for all of them at once; None where nothing can be excluded."""
        return self.exclusion.gain

    # --- services ----------------------------------------------------------------------------------------------

    @cached_property
    def ramps(self) -> tuple[Ramp, ...]:
        """What the ramp of load says of each candidate, the baseline first; none of a plain command."""
        return ramps(self.trial)

    @cached_property
    def growths(self) -> tuple[Growth, ...]:
        """What cycles of load and rest say of each candidate's memory."""
        return growths(self.trial)

    # --- the instrument ----------------------------------------------------------------------------------------

    def _against_itself(self, measure: Scale) -> Numbers:
        """Differences of the costs of the two baselines of each confirming block, in run order."""
        grouped: dict[int, list[float]] = {}
        for run in self.observed.baseline:
            if run.slot.stage is Stage.CONFIRMING:
                grouped.setdefault(run.slot.block, []).append(measure.cost(run))
        pairs = [pair for pair in grouped.values() if len(pair) == 2 and np.isfinite(pair).all()]
        return np.array([second - first for first, second in pairs])

    def noise(self, metric: str) -> float | None:
        """The typical relative difference of two runs of the baseline; None without a confirming block."""
        measure = self.observed.scale(metric)
        differences = self._against_itself(measure) if measure is not None else np.array([])
        return float(np.expm1(np.median(np.abs(differences)))) if len(differences) else None

    @cached_property
    def control(self) -> Control | None:
        """The two baselines of each confirming block against each other: the truth is zero."""
        if self.primary is None:
            return None
        differences = self._against_itself(self.primary)
        spread = fit_metric(self.observed, self.primary).spread if self.tried else None
        if not len(differences):
            return Control(metric=self.primary.metric, noise=spread, blocks=0) if spread is not None else None
        low, high = _turned(self.primary, paired(differences, INTERVAL_ERROR))
        return Control(
            metric=self.primary.metric,
            noise=self.noise(self.primary.metric),
            blocks=len(differences),
            effect=self.primary.effect(float(np.median(differences))),
            low=low,
            high=high,
        )

    @cached_property
    def block_spread(self) -> float:
        """Standard deviation of what one confirming block says, in costs."""
        if self.primary is None:
            return 0.0
        errors = [
            found.error * len(seen) ** 0.5
            for one in self.finalists
            if (found := estimate(seen := self.blocks(one.candidate, self.primary))) is not None
        ]
        # One block is the difference of two means of two runs.
        return max(errors) if errors else fit_metric(self.observed, self.primary).spread

    @cached_property
    def detectable(self) -> float | None:
        """The smallest improvement found four times out of five with the blocks that were run."""
        if self.primary is None or not self.finalists:
            return None
        count = max(one.blocks for one in self.finalists)
        beyond = detectable(self.block_spread, count, self.design.criteria.error)
        if not np.isfinite(self.threshold):
            return None
        return abs(self.primary.effect(self.threshold - beyond))


def _turned(measure: Scale, limits: tuple[float, float] | None) -> tuple[float | None, float | None]:
    """Limits of an effect from limits of costs."""
    if limits is None or not np.isfinite(limits).all():
        return None, None
    low, high = sorted(measure.effect(at) for at in limits)
    return low, high
