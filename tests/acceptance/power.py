"""How many runs tell two groups apart: from a pilot, before the runs that count."""

from collections.abc import Sequence
from math import log, sqrt
from statistics import fmean, stdev

from scipy.stats import chi2, norm, t

ERROR = 0.05
"""of each group's interval, both sides"""
POWER = 0.9
CAUTION = 0.2
"""probability that a group varies more than is planned for"""

Interval = tuple[float, float]


def interval(values: Sequence[float]) -> Interval:
    """Student's interval of a mean."""
    reach = float(t.isf(ERROR / 2, len(values) - 1)) * stdev(values) / sqrt(len(values))
    return fmean(values) - reach, fmean(values) + reach


def deviation(pilot: Sequence[float]) -> float:
    """The standard deviation to plan with: its upper limit, because a pilot's own is too small in half of all cases
    (R. H. Browne, Statistics in Medicine 14, 1995)."""
    freedom = len(pilot) - 1
    return stdev(pilot) * sqrt(freedom / float(chi2.ppf(CAUTION, freedom)))


def runs_needed(first: float, second: float, *, ratio: float, fewest: int, most: int) -> int:
    """Runs of each group after which their intervals are apart with `POWER`, where one is `ratio` times the other.

    Args:
        first: standard deviation of the logarithms of one group.
        second: of the other.
        ratio: the smallest that is to be found.
        fewest: so many in any case.
        most: no more in any case; with so many the power may be less.
    """
    return next((runs for runs in range(fewest, most) if power(first, second, ratio=ratio, runs=runs) >= POWER), most)


def power(first: float, second: float, *, ratio: float, runs: int) -> float:
    """The probability that the intervals are apart, in the normal approximation."""
    reach = float(t.isf(ERROR / 2, runs - 1)) * (first + second) / sqrt(runs)
    spread = sqrt((first**2 + second**2) / runs)
    return float(norm.cdf((log(ratio) - reach) / spread)) if spread > 0 else 1.0
