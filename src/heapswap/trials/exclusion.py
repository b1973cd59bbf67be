"""What is excluded: the largest gain that some candidate may still have, from limits that share one error."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np

from heapswap.trials.confirmation import block_runs, blocks
from heapswap.trials.finalists import GUARD_ERROR, GuardSeen, guard_state
from heapswap.trials.intervals import estimate, interval, screened
from heapswap.trials.model import Design, Run
from heapswap.trials.screening import Fit, GuardFit, Standing, fit_metric, guard_fits
from heapswap.trials.statistics import Scale, of, scale

KEEP_ERROR = 0.01
"""the limit that nothing gains more is a 99 % limit, shared by all candidates"""

LEAST_RUNS = 2
"""of a candidate, below which its gain has no limit: one run says nothing of its own noise"""


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """The limits of every candidate whose gain would count."""

    design: Design
    runs: Sequence[Run]
    standings: Sequence[Standing]

    @cached_property
    def measure(self) -> Scale | None:
        return scale(self.runs, self.design.criteria.primary)

    @cached_property
    def adoptable(self) -> tuple[str, ...]:
        """Candidates that were run, work, and are not shown to break a guard: a doubt does not take them out."""
        return tuple(
            one.candidate for one in self.standings if one.runs and not one.trouble and not self._breaks(one.candidate)
        )

    @cached_property
    def limits(self) -> dict[str, float]:
        """For each adoptable candidate the limit that its difference of costs is not below."""
        return {name: self._lowest(name) for name in self.adoptable}

    @cached_property
    def gain(self) -> float | None:
        """A gain above this is excluded for all of them at once; None where nothing can be excluded."""
        if self.measure is None:
            return None
        if not self.adoptable:
            return 0.0
        gain = abs(self.measure.effect(min(0.0, *self.limits.values())))
        return gain if isfinite(min(self.limits.values())) else None

    @cached_property
    def unsettled(self) -> tuple[str, ...]:
        """Candidates that may still gain more than the keep margin, the least settled first."""
        if self.measure is None:
            return ()
        keep = self.measure.improvement(self.design.criteria.keep_ratio)
        return tuple(
            sorted((name for name, limit in self.limits.items() if limit <= keep), key=self.limits.__getitem__)
        )

    def reaches_beyond(self, candidate: str, errors: float) -> bool:
        """Whether it gains more than the keep margin by so many standard errors: more runs would not exclude that."""
        if self.measure is None:
            return False
        found = estimate(blocks(block_runs(self.runs, self.design.baseline, candidate), candidate, self.measure))
        difference, error = (found.difference, found.error) if found else self._screened(candidate)
        return difference + errors * error < self.measure.improvement(self.design.criteria.keep_ratio)

    @cached_property
    def _fit(self) -> Fit | None:
        if self.measure is None:
            return None
        return fit_metric(self.runs, self.design.baseline, self.design.candidates, self.measure)

    def _screened(self, candidate: str) -> tuple[float, float]:
        """Difference and standard error from all runs together."""
        if self._fit is None:
            return float("nan"), float("inf")
        arm = self.design.candidates.index(candidate) + 1
        return float(self._fit.difference[arm]), float(self._fit.cautious[arm])

    @cached_property
    def _guards(self) -> tuple[GuardFit, ...]:
        return guard_fits(self.design, self.runs)

    def _breaks(self, candidate: str) -> bool:
        """Whether a guard is broken: by the candidate's own blocks, or where it has none by the common fit."""
        grouped = block_runs(self.runs, self.design.baseline, candidate)
        arm = self.design.candidates.index(candidate) + 1
        for guard in self._guards:
            if len(seen := blocks(grouped, candidate, guard.measure)):
                broken = guard_state(seen, guard.limit) is GuardSeen.BROKEN
            else:
                known = np.isfinite(guard.measure.costs(of(self.runs, candidate))).sum() >= LEAST_RUNS
                difference, error = float(guard.fit.difference[arm]), float(guard.fit.cautious[arm])
                broken = (
                    bool(known) and screened(difference, error, guard.fit.freedom, 2 * GUARD_ERROR)[0] > guard.limit
                )
            if broken:
                return True
        return False

    def _lowest(self, candidate: str) -> float:
        if self.measure is None or self._fit is None:
            return float("-inf")
        share = KEEP_ERROR / max(len(self.adoptable), 1)
        seen = blocks(block_runs(self.runs, self.design.baseline, candidate), candidate, self.measure)
        limits = interval(seen, 2 * share) if len(seen) else None
        if limits is not None:
            return limits[0]
        if np.isfinite(self.measure.costs(of(self.runs, candidate))).sum() < LEAST_RUNS:
            return float("-inf")
        lowest = screened(*self._screened(candidate), self._fit.freedom, 2 * share)[0]
        # Blocks too few for an interval still have an estimate, and that is not excluded.
        found = estimate(seen)
        return lowest if found is None else min(lowest, found.difference)
