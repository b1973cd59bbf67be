"""Screening: which candidates deserve confirming runs. Free to be greedy, because nothing is adopted on its word.

A run's cost is its candidate's difference plus a trend of the machine plus noise. Both the noise and the steps of the
trend are robust (Huber weights, P. J. Huber, Annals of Mathematical Statistics 35, 1964), so that a burst of slow
runs reads as a step of the trend and a single slow run as an outlier; and since noise only ever slows a run down, a
slow run weighs half of a fast one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from heapswap.trials.model import Demand, Design, GuardLimit, Run, Stage
from heapswap.trials.statistics import Numbers, Places, Scale, of, scale, typical
from heapswap.trials.trouble import trouble

BEND = 1.3
"""robust standard deviations beyond which a run loses weight"""

STEP = 0.5
"""standard deviation of a step of the trend over that of a run"""

SLOW_WEIGHT = 0.5
"""weight of a run slower than fitted, against one faster"""

PASSES = 8
"""reweightings; the weights have settled by then"""

PRIOR_SPREAD = 0.05
"""Relative spread of any metric before anything is known. Memory is often nearly free of noise, but not where threads
choose their arenas by luck: one run must not look like proof."""

PRIOR_WEIGHT = 4.0
"""runs that the prior spread is worth"""


@dataclass(frozen=True, slots=True)
class Fit:
    """Every arm against the first, in costs."""

    difference: Numbers
    """NaN for an arm without a run that can be compared"""
    error: Numbers
    """standard errors of the differences; infinite for such an arm"""
    spread: float
    """standard deviation of one run, the trend taken out"""
    freedom: float
    """degrees of freedom of the spread"""
    cautious: Numbers
    """standard errors again, larger for an arm whose own runs scatter more than runs do in common"""


def fit(costs: Numbers, arms: Places, count: int, prior: float) -> Fit:
    """Fit differences and trend to runs in the order they were made; `arms` numbers each run's arm, 0 the baseline."""
    known = np.isfinite(costs)
    return _fit(costs[known].tobytes(), arms[known].tobytes(), count, prior)


@lru_cache(maxsize=64)
def _fit(encoded_costs: bytes, encoded_arms: bytes, count: int, prior: float) -> Fit:
    """The fit; remembered, because a design is replayed from the start for every block."""
    costs = np.frombuffer(encoded_costs, dtype=np.float64)
    arms = np.frombuffer(encoded_arms, dtype=np.int64)
    runs = len(costs)
    present = np.bincount(arms, minlength=count) > 0
    if runs < 2 or not present[0]:
        unknown = np.full(count, np.inf)
        return Fit(np.full(count, np.nan), unknown, prior, PRIOR_WEIGHT, unknown)
    member = np.zeros((runs, count))
    member[np.arange(runs), arms] = 1.0
    # A whisper of a pull to zero: level and differences are only known up to a constant, and an arm may be absent.
    pull = np.eye(count) * 1e-3
    identity = np.eye(runs)
    weight = np.ones(runs)
    stiffness = np.full(runs - 1, STEP**-2)
    centred = costs - np.median(costs)
    spread, freedom = prior, PRIOR_WEIGHT
    level = np.zeros(count)
    residual = np.zeros(runs)
    inverse: NDArray[np.floating] = np.eye(count)
    for turn in range(PASSES):
        # The trend that best follows given costs is a linear map of them: one tridiagonal system for all runs at once.
        bands = np.zeros((2, runs))
        bands[1] = weight
        bands[1, 1:] += stiffness
        bands[1, :-1] += stiffness
        bands[0, 1:] = -stiffness
        trend = solveh_banded(bands, identity, check_finite=False) * weight
        rest = identity - trend
        left = rest @ member
        inverse = np.linalg.inv(member.T @ (weight[:, None] * left) + pull)
        level = inverse @ (member.T @ (weight * (rest @ centred)))
        others = centred - member @ level
        residual = rest @ others
        jump = np.diff(trend @ others)
        if turn > 1:
            used = float(np.trace(trend)) + float(
                np.einsum("ij,ji->", inverse, member.T @ (weight[:, None] * (rest @ left)))
            )
            freedom = PRIOR_WEIGHT + max(runs - used, 0.0)
            spread = float(np.sqrt((PRIOR_WEIGHT * prior**2 + (weight * residual**2).sum()) / freedom))
        weight = np.minimum(1.0, BEND * spread / np.maximum(np.abs(residual), 1e-12))
        weight = np.where(residual > 0, weight * SLOW_WEIGHT, weight)
        stiffness = np.minimum(1.0, BEND * STEP * spread / np.maximum(np.abs(jump), 1e-12)) * STEP**-2
    variance = np.diag(inverse) + inverse[0, 0] - 2 * inverse[0]
    error = np.where(present, spread * np.sqrt(np.maximum(variance, 0.0)), np.inf)
    return Fit(
        np.where(present, level - level[0], np.nan),
        error,
        spread,
        freedom,
        np.maximum(error, _own_errors(residual, arms, count, spread)),
    )


def _own_errors(residual: Numbers, arms: Places, count: int, spread: float) -> Numbers:
    """Standard errors against arm 0 from each arm's own scatter, the common spread counting as a few runs of it."""
    made = np.maximum(np.bincount(arms, minlength=count), 1)
    scatter = np.bincount(arms, weights=residual**2, minlength=count)
    variance = (PRIOR_WEIGHT * spread**2 + scatter) / (PRIOR_WEIGHT + made - 1) / made
    errors: Numbers = np.sqrt(variance + variance[0])
    return errors


def fit_metric(runs: Sequence[Run], baseline: str, candidates: Sequence[str], measure: Scale) -> Fit:
    """Fit one metric over all runs; arm 0 is the baseline, then the candidates in order.

    The warm-up is slower than other runs, and needs as much memory.
    """
    number = {name: place for place, name in enumerate((baseline, *candidates))}
    mine = [
        run
        for run in runs
        if run.slot.candidate in number and (run.slot.stage is not Stage.WARM_UP or measure.unit == "B")
    ]
    arms = np.array([number[run.slot.candidate] for run in mine], dtype=np.int64)
    return fit(measure.costs(mine), arms, len(number), PRIOR_SPREAD)


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


def standings(design: Design, runs: Sequence[Run]) -> tuple[Standing, ...]:
    """Every candidate as the runs so far show it, in order of promise."""
    measure = scale(runs, design.criteria.primary)
    names = design.candidates
    primary = fit_metric(runs, design.baseline, names, measure) if measure else None
    guards = [(one.measure.metric, one.limit, one.fit) for one in guard_fits(design, runs)]
    result = []
    for place, name in enumerate(names):
        arm = place + 1
        breaks = [
            metric for metric, limit, found in guards if found.difference[arm] - CLEARLY * found.error[arm] > limit
        ]
        result.append(
            Standing(
                candidate=name,
                simplicity=design.simplicity[place] if place < len(design.simplicity) else 0,
                runs=len(of(runs, name)),
                difference=float(primary.difference[arm]) if primary else float("nan"),
                error=float(primary.error[arm]) if primary else float("inf"),
                trouble=trouble(runs, design.baseline, name),
                breaks=breaks[0] if breaks else "",
                doubtful=any(found.difference[arm] > limit for _, limit, found in guards),
                assured=all(found.difference[arm] + found.error[arm] <= limit for _, limit, found in guards),
                secure=all(found.difference[arm] + CLEARLY * found.error[arm] <= limit for _, limit, found in guards),
                excess=max((float(found.difference[arm]) - limit for _, limit, found in guards), default=float("-inf")),
            )
        )
    return tuple(result)


@dataclass(frozen=True, slots=True)
class GuardFit:
    """A guard that can be judged, and what all runs together say of it."""

    measure: Scale
    limit: float
    """the largest difference of costs allowed"""
    fit: Fit


def guard_fits(design: Design, runs: Sequence[Run]) -> tuple[GuardFit, ...]:
    """Every guard whose metric the baseline has, the primary metric excepted."""
    return tuple(
        GuardFit(found, limit, fit_metric(runs, design.baseline, design.candidates, found))
        for guard in design.criteria.guards
        if guard.metric != design.criteria.primary
        and (found := scale(runs, guard.metric)) is not None
        and (limit := guard_shift(guard, runs, design.baseline, found)) is not None
    )


def guard_shift(guard: GuardLimit, runs: Sequence[Run], baseline: str, measure: Scale) -> float | None:
    """The largest allowed difference of costs, the absolute floor included; None where the baseline has no value."""
    usual = typical(of(runs, baseline), guard.metric)
    if usual is None:
        return None
    floor = guard.floor / usual if usual > 0 else float("inf")
    return measure.worsening(max(guard.ratio, floor))


def is_demanding(guard: GuardLimit) -> bool:
    """Whether the guard must be held, and not only not broken."""
    return guard.demand is Demand.HELD
