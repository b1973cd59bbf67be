"""Screening: which candidates deserve confirming runs. Free to be greedy, because nothing is adopted on its word."""

from dataclasses import dataclass

from heapswap.trials.fitting import Fit, fit
from heapswap.trials.model import Stage
from heapswap.trials.observed import Observed
from heapswap.trials.statistics import Scale
from heapswap.trials.trouble import trouble


def fit_metric(observed: Observed, measure: Scale) -> Fit:
    """Fit one metric over all runs; arms as `Observed.arm` numbers them.

    The warm-up is slower than other runs, and needs as much memory.
    """
    skipped = int(measure.unit != "B" and observed.runs[0].slot.stage is Stage.WARM_UP)
    count = len(observed.design.candidates) + 1
    return fit(observed.costs[measure.metric][skipped:], observed.arms[skipped:], count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one candidate on the primary metric and its guards."""

    candidate: str
    simplicity: int
    runs: int
    difference: float
    """in costs, negative is better; NaN without a run"""
    error: float
    trouble: str = ""
    """why it can no longer be adopted: it fails, prints something else, is not in force"""
    breaks: str = ""
    """a guard metric that is clearly beyond its limit"""
    doubtful: bool = False
    """a guard's estimate is outside, though not clearly"""
    assured: bool = True
    """every guard's estimate is inside by more than a standard error"""
    secure: bool = True
    """every guard is clearly inside"""
    excess: float = float("-inf")
    """how far the worst guard's estimate is beyond its limit, in costs; negative: inside"""

    @property
    def eligible(self) -> bool:
        """Whether it may still be adopted: a single run beyond a guard is a doubt, and no proof."""
        return not self.trouble and not (self.breaks and self.runs >= LEAST_PROOF) and self.runs > 0


CLEARLY = 2.5
"""standard errors beyond a limit that count as clear in screening"""

LEAST_PROOF = 2
"""runs of a candidate before it is rejected by a guard, or taken for the best while others have as many"""


def standings(observed: Observed) -> tuple[Standing, ...]:
    """Every candidate as the runs so far show it, in order of promise."""
    design, measure = observed.design, observed.primary
    primary = fit_metric(observed, measure) if measure else None
    guards = [(guard, fit_metric(observed, guard.measure)) for guard in observed.guards]
    result = []
    for arm, name in enumerate(design.candidates, start=1):
        # For each guard how far the estimate is beyond its limit, in costs, and its standard error.
        beyond = [(float(found.difference[arm]) - guard.limit, float(found.error[arm])) for guard, found in guards]
        breaks = [
            guard.measure.metric
            for (guard, _), (excess, error) in zip(guards, beyond, strict=True)
            if excess > CLEARLY * error
        ]
        result.append(
            Standing(
                candidate=name,
                simplicity=design.simplicity[arm - 1] if arm <= len(design.simplicity) else 0,
                runs=len(observed.of(name)),
                difference=float(primary.difference[arm]) if primary else float("nan"),
                error=float(primary.error[arm]) if primary else float("inf"),
                trouble=trouble(observed.of(name), observed.baseline, observed.expected),
                breaks=breaks[0] if breaks else "",
                doubtful=any(excess > 0 for excess, _ in beyond),
                assured=all(excess + error <= 0 for excess, error in beyond),
                secure=all(excess + CLEARLY * error <= 0 for excess, error in beyond),
                excess=max((excess for excess, _ in beyond), default=float("-inf")),
            )
        )
    return tuple(result)
