"""The Universal Scalability Law, fitted to the throughput of several steps.

N. J. Gunther, Guerrilla Capacity Planning, Springer 2007, chapter 4; A General Theory of Computational Scalability
Based on Rational Functions, arXiv:0808.1431. Written as N / X it is linear in three coefficients that cannot be
negative, so the fit is one convex problem (C. L. Lawson and R. J. Hanson, Solving Least Squares Problems, 1974, chapter
23) instead of a search that depends on where it starts. Residuals are relative: throughput varies with its size.

Intervals are bootstrap percentiles over whole blocks (B. Efron, Annals of Statistics 7, 1979), taken further out by the
ratio of Student's to the normal quantile, since those of a few blocks are too narrow (T. C. Hesterberg, The American
Statistician 69, 2015, section 3.2).
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from heapswap.estimate import Estimate
from heapswap.scaling.model import Law

Numbers = NDArray[np.float64]

LEAST_LEVELS = 4
"""steps at or below the available cores: three parameters, and one step that can contradict them"""
LEAST_BLOCKS = 5
"""fewer cannot reach the percentiles that their interval needs"""
ERROR = 0.05
RESAMPLES = 4000

NO_COHERENCE = 1e-9
"""below this the point of highest throughput would be tens of thousands of clients away: there is none"""


def measurable(levels: Sequence[int], cores: int) -> bool:
    """Whether enough steps leave each client a core of its own."""
    return sum(1 <= level <= cores for level in set(levels)) >= LEAST_LEVELS


def fit(levels: Sequence[int], throughput: Numbers, *, seed: int = 0) -> Law | None:
    """The law of one candidate.

    Args:
        levels: clients of each step, n.
        throughput: blocks x n, operations a second; NaN where a step was not measured.
        seed: of the bootstrap; the same numbers give the same interval.

    Returns:
        None where fewer than four steps have a throughput.
    """
    clients = np.asarray(levels, dtype=np.float64)
    logs = np.log(np.where(throughput > 0, throughput, np.nan))
    usable = np.isfinite(logs).any(axis=0)
    if len(np.unique(clients[usable])) < LEAST_LEVELS:
        return None
    clients, logs = clients[usable], logs[:, usable]
    centre = _parameters(clients, _mean(logs))
    logs = logs[np.isfinite(logs).all(axis=1)]
    if len(logs) < LEAST_BLOCKS:
        return _law(centre, None)
    draws = np.random.default_rng(seed).integers(len(logs), size=(RESAMPLES, len(logs)))
    # Few blocks have few different resamples, and each needs one fit only.
    distinct, counts = np.unique(np.sort(draws, axis=1), axis=0, return_counts=True)
    fitted = np.array([_parameters(clients, logs[rows].mean(axis=0)) for rows in distinct])
    return _law(centre, np.repeat(fitted, counts, axis=0), _tail(len(logs)))


def predicted(law: Law, level: float) -> float:
    """Throughput that a law gives for so many clients."""
    cost = 1 + law.contention.value * (level - 1) + law.coherence.value * level * (level - 1)
    return law.rate.value * level / cost


def _mean(logs: Numbers) -> Numbers:
    present = np.isfinite(logs)
    return np.asarray(np.where(present, logs, 0.0).sum(axis=0) / present.sum(axis=0), dtype=np.float64)


def _parameters(clients: Numbers, logs: Numbers) -> tuple[float, float, float]:
    """Rate, contention and coherence."""
    from scipy.optimize import nnls  # noqa: PLC0415 - slow to import, and whoever reads a verdict imports this

    each = np.exp(logs) / clients
    columns = np.stack([np.ones_like(clients), clients - 1, clients * (clients - 1)], axis=1) * each[:, None]
    base, serial, agreeing = nnls(columns, np.ones_like(each))[0]
    if base <= 0 or serial > base:
        # All work serial is the most there can be: contention is held at 1, which merges the first two columns.
        merged = np.stack([columns[:, 0] + columns[:, 1], columns[:, 2]], axis=1)
        base, agreeing = nnls(merged, np.ones_like(each))[0]
        serial = base
    return 1 / base, serial / base, agreeing / base


def _tail(blocks: int) -> float:
    """The percentile on each side."""
    return float(ndtr(sqrt(blocks / (blocks - 1)) * stdtrit(blocks - 1, ERROR / 2)))


def _law(centre: tuple[float, float, float], fitted: Numbers | None, tail: float = 0.0) -> Law:
    rate, contention, coherence = (_estimate(value, fitted, place, tail) for place, value in enumerate(centre))
    return Law(rate=rate, contention=contention, coherence=coherence, peak=_peak(centre, fitted, tail))


def _estimate(value: float, fitted: Numbers | None, place: int, tail: float) -> Estimate:
    if fitted is None:
        return Estimate(value=float(value))
    low, high = np.quantile(fitted[:, place], [tail, 1 - tail])
    return Estimate(value=float(value), low=float(low), high=float(high))


def _peak(centre: tuple[float, float, float], fitted: Numbers | None, tail: float) -> Estimate | None:
    _, contention, coherence = centre
    if coherence < NO_COHERENCE:
        return None
    value = max(sqrt((1 - contention) / coherence), 1.0)
    if fitted is None:
        return Estimate(value=value)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A resample without coherence has its peak nowhere: infinitely far.
        far = np.where(fitted[:, 2] < NO_COHERENCE, np.inf, np.sqrt((1 - fitted[:, 1]) / fitted[:, 2]))
    low, high = np.quantile(np.maximum(far, 1.0), [tail, 1 - tail], method="nearest")
    return Estimate(value=value, low=float(low), high=float(high) if np.isfinite(high) else None)
