"""What is excluded: the largest gain that some candidate may still have, from limits that share one error."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

from heapswap.trials.finalists import GUARD_ERROR, GuardSeen, guard_state
from heapswap.trials.intervals import Estimate, estimate, lower_limit, screened
from heapswap.trials.observed import Observed
from heapswap.trials.screening import Standing, fit_metric
from heapswap.trials.statistics import Scale

KEEP_ERROR = 0.01
"""the limit that nothing gains more is a 99 % limit, shared by all candidates"""

LEAST_RUNS = 2
"""of a candidate, below which its gain has no limit: one run says nothing of its own noise"""


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """The limits of every candidate whose gain would count."""

    observed: Observed
    standings: Sequence[Standing]

    @property
    def measure(self) -> Scale | None:
        return self.observed.primary

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
        keep = self.measure.improvement(self.observed.design.criteria.keep_ratio)
        return tuple(
            sorted((name for name, limit in self.limits.items() if limit <= keep), key=self.limits.__getitem__)
        )

    def reaches_beyond(self, candidate: str, errors: float) -> bool:
        """Whether it gains more than the keep margin by so many standard errors: more runs would not exclude that."""
        if self.measure is None:
            return False
        found = estimate(self.observed.blocks(candidate, self.measure)) or self._fitted(candidate, self.measure)
        keep = self.measure.improvement(self.observed.design.criteria.keep_ratio)
        return found.difference + errors * found.error < keep

    def _fitted(self, candidate: str, measure: Scale) -> Estimate:
        """What all runs together say, with the cautious error."""
        found, arm = fit_metric(self.observed, measure), self.observed.arm(candidate)
        return Estimate(float(found.difference[arm]), float(found.cautious[arm]))

    def _fitted_lowest(self, candidate: str, measure: Scale, share: float) -> float:
        """The lower limit of what all runs together say; minus infinity from one run."""
        if self.observed.comparable(candidate, measure) < LEAST_RUNS:
            return float("-inf")
        found = self._fitted(candidate, measure)
        return screened(found.difference, found.error, fit_metric(self.observed, measure).freedom, 2 * share)[0]

    def _breaks(self, candidate: str) -> bool:
        """Whether a guard is broken: by the candidate's own blocks, or where it has none by the common fit."""
        for guard in self.observed.guards:
            if len(seen := self.observed.blocks(candidate, guard.measure)):
                is_broken = guard_state(seen, guard.limit) is GuardSeen.BROKEN
            else:
                is_broken = self._fitted_lowest(candidate, guard.measure, GUARD_ERROR) > guard.limit
            if is_broken:
                return True
        return False

    def _lowest(self, candidate: str) -> float:
        if self.measure is None:
            return float("-inf")
        share = KEEP_ERROR / max(len(self.adoptable), 1)
        seen = self.observed.blocks(candidate, self.measure)
        if (limit := lower_limit(seen, share)) is not None:
            return limit
        lowest = self._fitted_lowest(candidate, self.measure, share)
        # Blocks too few for an interval still have an estimate, and that is not excluded.
        found = estimate(seen)
        return lowest if found is None else min(lowest, found.difference)
