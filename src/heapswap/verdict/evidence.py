"""A trial as the rules see it: finalists, standings, effects and limits, each worked out once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from heapswap.trials import finalists as contest
from heapswap.trials.confirmation import Blocks, block_runs, blocks
from heapswap.trials.exclusion import Exclusion
from heapswap.trials.finalists import Finalist, State, finalists, threshold
from heapswap.trials.intervals import detectable, estimate, interval, paired, screened
from heapswap.trials.model import Design, GuardLimit, Run, Stage, Trial
from heapswap.trials.screening import Fit, Standing, fit_metric, guard_shift, standings
from heapswap.trials.statistics import Scale, of, scale, typical
from heapswap.trials.trouble import expected_outputs, is_repeatable, is_unsafe, outputs, went_wrong
from heapswap.verdict.model import Comparison, Control, Effect, GuardCheck, GuardState
from heapswap.verdict.objective import margin

INTERVAL_ERROR = 0.01
"""intervals are 99 % intervals, shared by the finalists"""

GUARD_ERROR = 0.10
"""both sides of a guard's interval: 5 % on each, so that either end is a 95 % limit"""

BUILT_IN = ("wall", "cpu", "peak", "mean", "idle")


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
    def primary(self) -> Scale | None:
        """How the primary metric is compared."""
        return scale(self.runs, self.design.criteria.primary)

    @cached_property
    def finalists(self) -> tuple[Finalist, ...]:
        return finalists(self.design, self.runs)

    @cached_property
    def winners(self) -> tuple[Finalist, ...]:
        return tuple(one for one in self.finalists if one.state is State.WON)

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """Every candidate that was run, in order of promise."""
        return tuple(one for one in standings(self.design, self.runs) if one.runs)

    @cached_property
    def tried(self) -> tuple[str, ...]:
        return tuple(one.candidate for one in self.standings)

    @cached_property
    def threshold(self) -> float:
        """The difference of costs that a gain must be beyond."""
        return threshold(self.design, self.runs, self.primary) if self.primary else float("-inf")

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
    def expected(self) -> Mapping[int, str]:
        """What the runs of each block have to print, as far as it can be told."""
        return expected_outputs(self.runs, self.design.baseline)

    @cached_property
    def baseline_outputs(self) -> int:
        """Different outputs of the baseline that its settings do not explain; 1 where they do."""
        if is_repeatable(self.runs, self.design.baseline):
            return 1
        return len({one for block in outputs(self.runs, self.design.baseline).values() for one in block})

    def bad(self, candidate: str) -> tuple[Run, ...]:
        """Runs that failed, or printed something else than the baseline would have."""
        return tuple(run for run in of(self.runs, candidate) if went_wrong(run, self.expected))

    def is_unsafe(self, candidate: str) -> bool:
        """Whether it fails, or prints something else, where the baseline does not."""
        return is_unsafe(self.runs, self.design.baseline, candidate)

    @cached_property
    def unsafe(self) -> tuple[str, ...]:
        return tuple(name for name in self.tried if self.is_unsafe(name))

    # --- effects -----------------------------------------------------------------------------------------------

    def blocks(self, candidate: str, measure: Scale) -> Blocks:
        """The confirming blocks of a candidate on one metric."""
        return blocks(block_runs(self.runs, self.design.baseline, candidate), candidate, measure)

    @cached_property
    def _fits(self) -> dict[str, Fit]:
        return {}

    def fit(self, measure: Scale) -> Fit:
        """All runs fitted together; arms as in `tried`, after the baseline."""
        if measure.metric not in self._fits:
            self._fits[measure.metric] = fit_metric(self.runs, self.design.baseline, self.tried, measure)
        return self._fits[measure.metric]

    def limits(self, candidate: str, measure: Scale, error: float) -> tuple[float, float] | None:
        """Limits of the difference of costs: by permutation for a finalist, else from the fit; None from one run."""
        seen = self.blocks(candidate, measure)
        if len(seen):
            return interval(seen, error)
        if sum(np.isfinite(measure.costs(of(self.runs, candidate)))) < 2:
            return None
        found, arm = self.fit(measure), self.tried.index(candidate) + 1
        return screened(float(found.difference[arm]), float(found.cautious[arm]), found.freedom, error)

    def difference(self, candidate: str, measure: Scale) -> float | None:
        """The typical difference of costs."""
        found = estimate(self.blocks(candidate, measure))
        if found is not None:
            return found.difference
        value = float(self.fit(measure).difference[self.tried.index(candidate) + 1])
        return value if np.isfinite(value) else None

    def effect(self, candidate: str, metric: str) -> Effect | None:
        """One comparison; None where no baseline run has the metric."""
        measure = scale(self.runs, metric)
        usual = typical(of(self.runs, self.design.baseline), metric)
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
            runs=int(np.isfinite(measure.costs(of(self.runs, candidate))).sum()),
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

    def guard(self, candidate: str, guard: GuardLimit) -> GuardCheck | None:
        """One guard of one candidate; None where it cannot be told at all."""
        measure = scale(self.runs, guard.metric)
        if measure is None or guard.metric == self.design.criteria.primary:
            return None
        limit = guard_shift(guard, self.runs, self.design.baseline, measure)
        difference = self.difference(candidate, measure)
        if limit is None or difference is None:
            return None
        seen = self.blocks(candidate, measure)
        limits = self.limits(candidate, measure, GUARD_ERROR)
        if len(seen):
            state = GuardState(contest.guard_state(seen, limit).value)
        elif limits is None:
            state = GuardState.OPEN
        else:
            state = (
                GuardState.HELD if limits[1] <= limit else GuardState.BROKEN if limits[0] > limit else GuardState.OPEN
            )
        low, high = _turned(measure, limits)
        return GuardCheck(
            candidate=candidate,
            metric=guard.metric,
            limit=measure.effect(limit),
            effect=measure.effect(difference),
            low=low,
            high=high,
            state=state,
        )

    @cached_property
    def guards(self) -> tuple[GuardCheck, ...]:
        """Every guard of every candidate that was run."""
        return tuple(
            check
            for name in self.tried
            for guard in self.design.criteria.guards
            if (check := self.guard(name, guard)) is not None
        )

    # --- what is excluded --------------------------------------------------------------------------------------

    @cached_property
    def exclusion(self) -> Exclusion:
        return Exclusion(design=self.design, runs=self.runs, standings=self.standings)

    @property
    def adoptable(self) -> tuple[str, ...]:
        """Candidates whose gain would count: they work, and no guard is known to be broken."""
        return self.exclusion.adoptable

    @property
    def excluded(self) -> float | None:
        """A gain above this is excluded for all of them at once; None where nothing can be excluded."""
        return self.exclusion.gain

    # --- the instrument ----------------------------------------------------------------------------------------

    @cached_property
    def _pairs(self) -> tuple[tuple[float, float], ...]:
        """Costs of the two baselines of each confirming block, in run order."""
        if self.primary is None:
            return ()
        grouped: dict[int, list[float]] = {}
        for run in of(self.runs, self.design.baseline):
            if run.slot.stage is Stage.CONFIRMING:
                grouped.setdefault(run.slot.block, []).append(self.primary.cost(run))
        return tuple((pair[0], pair[1]) for pair in grouped.values() if len(pair) == 2 and np.isfinite(pair).all())

    @cached_property
    def control(self) -> Control | None:
        """The two baselines of each confirming block against each other: the truth is zero."""
        if self.primary is None:
            return None
        differences = np.array([second - first for first, second in self._pairs])
        spread = self.fit(self.primary).spread if self.tried else None
        if not len(differences):
            return Control(metric=self.primary.metric, noise=spread, blocks=0) if spread is not None else None
        low, high = _turned(self.primary, paired(differences, INTERVAL_ERROR))
        return Control(
            metric=self.primary.metric,
            noise=float(np.expm1(np.median(np.abs(differences)))),
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
        return max(errors) if errors else self.fit(self.primary).spread

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
