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
"""what a slow run is supposed to cost, in medians, when it is asked how many could eat the gain"""

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


def eating_rate(difference: float, least: float = LEAST_RATE) -> float:
    """The rate of slow runs that would eat a gain, or the least that a trial can see."""
    gain = -np.expm1(difference)
    if gain <= 0:
        return least
    return max(float(gain / ((1 - gain) * (SUPPOSED - 1))), least)


def slow_runs(costs: Numbers, beyond: float = SLOW) -> int:
    """Runs that cost more than so many times the median of their own side."""
    return int((costs > np.median(costs) + log(beyond)).sum()) if len(costs) else 0


def runs_needed(difference: float, slow: int = 0, most: int = 400) -> int:
    """Candidate runs, so many of them slow, after which a rate that eats the gain is excluded."""
    limit = eating_rate(difference)
    if limit >= 1:
        return 1
    runs = max(slow + 1, int(log(DOUBT) / log(1 - limit)))
    while runs < most and highest_rate(slow, runs, DOUBT) > limit:
        runs += 1
    return runs


def tail_is_clear(difference: float, candidate: Numbers, baseline: Numbers) -> bool:
    """Whether the candidate has been seen often enough, and slow no more often than the baseline up to chance."""
    ours, theirs = slow_runs(candidate), slow_runs(baseline)
    is_unsteady = slow_runs(baseline, UNSTEADY) > 0
    limit = eating_rate(difference, LEAST_RATE_UNSTEADY if is_unsteady else LEAST_RATE)
    if not len(candidate) or highest_rate(0, len(candidate), DOUBT) > limit:
        return False
    if highest_rate(ours, len(candidate), DOUBT) <= limit:
        return True
    if not is_unsteady:
        return False
    # Half a run more than seen (Jeffreys' prior of a rate), and the deviation of a difference of two Poisson counts.
    expected = (theirs + 0.5) * len(candidate) / len(baseline)
    return ours - expected <= sqrt(expected * (1 + len(candidate) / len(baseline)))


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
