"""Shares of time with their limits, from samples that come in clusters. Pure."""

from collections.abc import Sequence
from math import sqrt

from heapswap.profiling.model import Share

_95 = 1.959964
FEWEST = 20
"""samples below which no share is told"""
FEWEST_CLUSTERS = 5
"""clusters below which their spread says nothing"""


def clustered(parts: Sequence[float], wholes: Sequence[float], samples: int) -> Share | None:
    """The share of the sum of `parts` in the sum of `wholes`, one of each a cluster; None below `FEWEST` samples.

    The limits are Wilson's score limits (E. B. Wilson, "Probable inference, the law of succession, and statistical
    inference", Journal of the American Statistical Association 22, 1927) for so many independent samples as would vary
    like the clusters do: the effective sample size p (1 - p) / v, never more than `samples` (E. L. Korn and B. I.
    Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from survey
    data", Survey Methodology 24, 1998), where v is the variance of the ratio of two sums over clusters (W. G. Cochran,
    Sampling Techniques, 1977, 6.3).

    Args:
        parts: what lay inside, in each cluster (a second, say); samples of one phase of a program resemble each other.
        wholes: what there was at all; clusters with nothing at all count for nothing.
        samples: how many there were in all.
    """
    whole = sum(wholes)
    if samples < FEWEST or whole <= 0:
        return None
    value = min(max(sum(parts) / whole, 0.0), 1.0)
    return wilson(value, _effective(value, parts, wholes, samples))


def _effective(value: float, parts: Sequence[float], wholes: Sequence[float], samples: int) -> float:
    pairs = [(part, whole) for part, whole in zip(parts, wholes, strict=True) if whole > 0]
    count = len(pairs)
    if count < FEWEST_CLUSTERS:
        return float(samples)
    mean = sum(whole for _, whole in pairs) / count
    squares = sum((part - value * whole) ** 2 for part, whole in pairs)
    variance = squares / (count - 1) / count / mean**2
    spread = value * (1 - value)
    return min(float(samples), spread / variance) if variance > 0 and spread > 0 else float(samples)


def wilson(value: float, samples: float) -> Share:
    """A proportion of so many independent samples, with its 95 % score limits."""
    square = _95**2
    middle = value + square / (2 * samples)
    half = _95 * sqrt(value * (1 - value) / samples + square / (4 * samples**2))
    scale = 1 + square / samples
    return Share(value=value, low=max((middle - half) / scale, 0.0), high=min((middle + half) / scale, 1.0))
