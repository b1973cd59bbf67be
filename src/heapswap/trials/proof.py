"""Proof that a gain of the typical run is a gain: the mean is better too, and no slow runs hide behind it.

A permutation test speaks of typical runs. A candidate that is faster in most runs and much slower in some must not
pass, so after the test has shown a gain its winner is run until a slow mode frequent enough to eat the gain would have
shown itself.
"""

from math import log, sqrt

import numpy as np
from scipy.special import ndtr

from heapswap.trials.confirmation import Blocks
from heapswap.trials.intervals import highest_rate
from heapswap.trials.statistics import Numbers
from heapswap.trials.trouble import BEYOND_CHANCE, rarer

SLOW = 1.5
"""a run that costs more than this times the median of its own side is slow"""

SUPPOSED = 3.0
"""what a slow run that was not seen is supposed to cost, in medians, when it is asked what could eat the gain"""

LEAST_RATE = 0.107
"""A slow mode in fewer runs than this is beyond what a trial can see."""

UNSTEADY = 1.25
"""a machine on which some baseline run costs more than this times their median is unsteady"""

LEAST_RATE_UNSTEADY = 0.14
"""The same on an unsteady machine: the candidate's own slow runs cannot be told from the machine's as finely."""

DOUBT = 0.004
"""probability with which a slow mode that matters may stay unseen"""

MEAN_DOUBT = 0.15
"""probability beyond which the arithmetic mean does not speak for the candidate"""


def bearable(difference: float) -> float:
    """What slow runs may cost on average before they eat the gain, in medians of the candidate on top of the usual."""
    return max(float(np.expm1(-difference)), 0.0)


def slow_runs(costs: Numbers, beyond: float = SLOW) -> int:
    """Runs that cost more than so many times the median of their own side."""
    return int((costs > np.median(costs) + log(beyond)).sum()) if len(costs) else 0


def highest_price(costs: Numbers) -> float:
    """Upper limit of what slow runs cost on average, in medians on top of the usual one.

    K. W. Stringer's bound for the mean of seldom and unequal errors (Proc. Business and Economic Statistics Section,
    ASA, 1963; P. J. Bickel, Int. Stat. Review 60, 1992): the limit of the rate after none seen counts at the price
    supposed, or at the highest seen; what each slow run adds to the limit counts at its own, the dearest first.
    """
    ratios = np.exp(costs - np.median(costs))
    prices = np.sort(ratios[ratios > SLOW])[::-1] - 1
    rates = [highest_rate(seen, len(costs), DOUBT) for seen in range(len(prices) + 1)]
    return float(rates[0] * max((SUPPOSED - 1, *prices)) + np.diff(rates) @ prices)


def tail_is_clear(difference: float, candidate: Numbers, baseline: Numbers) -> bool:
    """Whether slow runs cannot eat the gain, or are too few to tell, or as few as the baseline's up to chance."""
    runs = len(candidate)
    if not runs:
        return False
    ours, theirs = slow_runs(candidate), slow_runs(baseline)
    is_unsteady = slow_runs(baseline, UNSTEADY) > 0
    least = LEAST_RATE_UNSTEADY if is_unsteady else LEAST_RATE
    if highest_price(candidate) <= bearable(difference) or highest_rate(ours, runs, DOUBT) <= least:
        return True
    unseen = highest_rate(0, runs, DOUBT)
    if not is_unsteady or (unseen * (SUPPOSED - 1) > bearable(difference) and unseen > least):
        return False
    # Half a run more than seen (Jeffreys' prior of a rate), and the deviation of a difference of two Poisson counts.
    expected = (theirs + 0.5) * runs / len(baseline)
    return ours - expected <= sqrt(expected * (1 + runs / len(baseline)))


def tail_is_worse(candidate: Numbers, baseline: Numbers) -> bool:
    """Whether slow runs are more frequent than the baseline's beyond chance."""
    ours, theirs = slow_runs(candidate), slow_runs(baseline)
    return rarer(ours, len(candidate), theirs, len(baseline)) <= BEYOND_CHANCE


def mean_is_better(blocks: Blocks) -> bool:
    """Whether the arithmetic mean over the blocks speaks for the candidate, against chance arrangements."""
    values = np.exp(blocks.costs - np.median(blocks.costs))
    centred = values - values.mean(axis=1, keepdims=True)
    gain = float(-centred[blocks.candidate].sum())
    # The variance of a sum of two of four drawn without replacement, block by block.
    deviation = sqrt(float((centred**2).sum(axis=1).sum()) / 3) or 1e-12
    return gain > 0 and float(ndtr(-gain / deviation)) <= MEAN_DOUBT
