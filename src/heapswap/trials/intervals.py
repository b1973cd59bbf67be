"""Effects and their intervals, by inversion of the permutation test: the shifts that the test does not exclude.

E. L. Lehmann, Nonparametrics, 1975, sections 2.4 to 2.6: the estimate is the shift at which the statistic balances
(J. L. Hodges and E. L. Lehmann, Annals of Mathematical Statistics 34, 1963), the limits those where its probability
equals half the error. Limits for a proportion: C. J. Clopper and E. S. Pearson, Biometrika 26, 1934.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from scipy.special import betainccinv, ndtri, stdtrit

from heapswap.trials.confirmation import Blocks, balance, deviation, p_less, p_more
from heapswap.trials.statistics import Numbers

HALVINGS = 16
"""of a bracket; leaves a ten-thousandth of the spread of the data"""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference of costs and its standard error."""

    difference: float
    error: float


@lru_cache(maxsize=128)
def estimate(blocks: Blocks) -> Estimate | None:
    """The typical difference between candidate and baseline; None without a block."""
    if not len(blocks):
        return None
    low, high = _bracket(blocks)
    shift = _root(lambda at: balance(blocks, at) > 0, low, high)
    step = max((high - low) / 16, 1e-6)
    slope = (balance(blocks, shift + step) - balance(blocks, shift - step)) / (2 * step)
    return Estimate(shift, deviation(blocks, shift) / slope if slope > 0 else high - low)


def interval(blocks: Blocks, error: float) -> tuple[float, float] | None:
    """Limits of the difference that leave half the error on each side; None where too few blocks allow any."""
    low, high = lower_limit(blocks, error / 2), upper_limit(blocks, error / 2)
    return None if low is None or high is None else (low, high)


@lru_cache(maxsize=128)
def lower_limit(blocks: Blocks, error: float) -> float | None:
    """The limit that the difference is below with at most this probability; None where too few blocks allow any."""
    known = estimate(blocks)
    if known is None or p_more(blocks, low := _bracket(blocks)[0]) > error:
        return None
    return _root(lambda at: p_more(blocks, at) > error, low, known.difference)


@lru_cache(maxsize=128)
def upper_limit(blocks: Blocks, error: float) -> float | None:
    """The same for above."""
    known = estimate(blocks)
    if known is None or p_less(blocks, high := _bracket(blocks)[1]) > error:
        return None
    return _root(lambda at: p_less(blocks, at) <= error, known.difference, high)


def _bracket(blocks: Blocks) -> tuple[float, float]:
    """Shifts at which every block speaks one way."""
    ours, theirs = blocks.arm(candidate=True), blocks.arm(candidate=False)
    differences = ours[:, :, None] - theirs[:, None, :]
    margin = 1e-3
    return float(differences.min()) - margin, float(differences.max()) + margin


def _root(beyond: Callable[[float], bool], low: float, high: float) -> float:
    """Where a statement that is false at `low` becomes true."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if beyond(middle):
            high = middle
        else:
            low = middle
    return (low + high) / 2


def detectable(spread: float, blocks: int, error: float, power: float = 0.8) -> float:
    """The smallest difference that so many blocks find with this power, in costs beyond the null."""
    reach = -ndtri(error) - ndtri(1 - power)
    return float(reach * spread / sqrt(max(blocks, 1)))


def highest_rate(seen: int, runs: int, error: float) -> float:
    """Upper limit of a rate after so many seen in so many runs."""
    if seen >= runs:
        return 1.0
    return float(betainccinv(seen + 1, runs - seen, error))


def screened(difference: float, error: float, freedom: float, share: float) -> tuple[float, float]:
    """Limits of a difference known from a fit alone (Student, Biometrika 6, 1908)."""
    reach = -float(stdtrit(max(freedom, 1.0), share / 2)) * error
    return difference - reach, difference + reach


def paired(differences: Numbers, error: float) -> tuple[float, float] | None:
    """Limits of the centre of symmetric differences, from their pairwise means (J. W. Tukey; Wilcoxon's signed ranks).

    None where too few differences allow any.
    """
    count = len(differences)
    if 2.0**-count > error / 2:
        return None
    rows, columns = np.triu_indices(count)
    walsh = np.sort((differences[rows] + differences[columns]) / 2)
    # Probabilities of the signed-rank sum under symmetry: each rank is in or out.
    ways = np.zeros(count * (count + 1) // 2 + 1)
    ways[0] = 1.0
    for rank in range(1, count + 1):
        ways[rank:] = ways[rank:] + ways[:-rank]
    below = np.cumsum(ways / 2.0**count)
    left_out = int(np.searchsorted(below, error / 2, side="right"))
    if left_out == 0:
        return None
    return float(walsh[left_out - 1]), float(walsh[-left_out])
