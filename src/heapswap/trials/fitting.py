"""Differences between arms from runs in the order they were made, whatever the machine drifted meanwhile.

A run's cost is its candidate's difference plus a trend of the machine plus noise. Both the noise and the steps of the
trend are robust (Huber weights, P. J. Huber, Annals of Mathematical Statistics 35, 1964), so that a burst of slow
runs reads as a step of the trend and a single slow run as an outlier; and since noise only ever slows a run down, a
slow run weighs half of a fast one.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from scipy.linalg.lapack import dposv, dptsv, dpttrf

from heapswap.trials.statistics import Numbers, Places

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


def fit(costs: Numbers, arms: Places, count: int, prior: float = PRIOR_SPREAD) -> Fit:
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
    identity = np.eye(count)
    pull = identity * 1e-3
    centred = costs - np.median(costs)
    columns = np.asfortranarray(np.column_stack((member, centred)))
    weight = np.ones(runs)
    stiffness = np.full(runs - 1, STEP**-2)
    spread, freedom = prior, PRIOR_WEIGHT
    for turn in range(PASSES):
        # The trend that best follows given costs is a linear map of them: one tridiagonal system for all columns.
        diagonal = weight.copy()
        diagonal[1:] += stiffness
        diagonal[:-1] += stiffness
        pivots, _, trend, _ = dptsv(diagonal, -stiffness, weight[:, None] * columns)
        rest = columns - trend
        weighted = weight[:, None] * rest
        left, left_weighted = rest[:, :-1], weighted[:, :-1]
        _, inverse, _ = dposv(member.T @ left_weighted + pull, identity)
        level = inverse @ (member.T @ weighted[:, -1])
        residual = rest[:, -1] - left @ level
        followed = centred - level[arms] - residual
        jump = followed[1:] - followed[:-1]
        if turn > 1:
            # The diagonal of the inverse of a tridiagonal matrix, from its pivots from either end (G. Meurant, SIAM
            # Journal on Matrix Analysis and Applications 13, 1992), gives the trace of the trend's map.
            backward = dpttrf(diagonal[::-1], -stiffness[::-1])[0][::-1]
            used = (weight / (pivots + backward - diagonal)).sum() + (inverse * (left.T @ left_weighted)).sum()
            freedom = PRIOR_WEIGHT + max(runs - float(used), 0.0)
            spread = sqrt((PRIOR_WEIGHT * prior**2 + float(weight @ residual**2)) / freedom)
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
