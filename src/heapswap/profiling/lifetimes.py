"""From the followed blocks of one process to how long blocks live, and who frees them. Pure.

A block was followed with probability p · 2^−level · (1 − used / places): p as of a timed call, the level and the places
of the table as the probe wrote them down. Each followed block stands for the inverse of that many (see `estimate`). Its
shares are of a weighed sample, whose interval is Wilson's (E. B. Wilson, "Probable inference", Journal of the American
Statistical Association 22, 1927) at the size that an unweighed sample of the same variance would have (L. Kish, *Survey
Sampling*, 1965): it holds at 0 and at 100 %, too.
"""

from collections.abc import Sequence
from itertools import count, takewhile

import numpy as np
from numpy.typing import NDArray

from heapswap.profiling import followed, wire
from heapswap.profiling.estimate import FEWEST, probability, total
from heapswap.profiling.model import Held, Lifetimes, Lived, Share

SMALL = 2048
"""bytes, of a block up to which two share a page, and how it lies to its neighbours matters"""
MIDDLE = 128 * 1024
"""bytes, of a block up to which allocators have several of them in one mapping"""
_Z = 1.959964
_TIMES = 10.0
"""from one step of the times to the next"""
_FIRST_TIME = 1e-6
_CLASSES = np.array(wire.upper_limits())
_ALLOCATIONS = 4.0
"""from one step of the allocations to the next, from one on"""


def lifetimes(raw: wire.Raw, ticks: float) -> tuple[Lifetimes, ...]:
    """All sizes, then each size class of which enough blocks were followed; empty where too few were, or timing ended.

    `ticks` is the `estimate.rate`.
    """
    if raw.total("refused"):
        return ()
    ended, unfreed = raw.lives, raw.beyond.unfreed
    blocks = np.concatenate([ended, unfreed])
    each = weights(blocks)
    freed = np.arange(len(blocks)) < len(ended)
    classes = np.searchsorted(_CLASSES, np.minimum(blocks["size"].astype(np.int64), _CLASSES[-1]))
    rows = [_of(blocks, each, freed, ticks, None)]
    for place in np.unique(classes):
        own = classes == place
        rows.append(_of(blocks[own], each[own], freed[own], ticks, int(_CLASSES[place])))
    return tuple(row for row in rows if row is not None)


def held(raw: wire.Raw, ticks: float, seconds: float) -> tuple[Held, ...]:
    """Bytes in small, middle and large blocks at a time, over `seconds` of the process; empty as `lifetimes`.

    Bytes times how long they live, over the time (J. D. C. Little, "A proof for the queuing formula L = λW", Operations
    Research 9, 1961). The upper limit adds what three blocks stand for on average, by bytes: so much can be there
    without one of it being followed (the rule of three).
    """
    ended, unfreed = raw.lives, raw.beyond.unfreed
    if raw.total("refused") or len(ended) + len(unfreed) < FEWEST or seconds <= 0:
        return ()
    blocks = np.concatenate([ended, unfreed])
    each = weights(blocks)
    lived = np.concatenate([ended["ticks"] / ticks * 1e-9 / seconds, np.ones(len(unfreed))])
    stands_for = each * blocks["size"].astype(float)
    share_of_time = np.minimum(lived, 1.0)
    rows, low = [], -1.0
    for up_to in (SMALL, MIDDLE, None):
        own = (blocks["size"] > low) & (blocks["size"] <= (up_to or np.inf))
        found = total(blocks["size"][own] * share_of_time[own], 1 / each[own])
        unseen = 3 * float((stands_for[own] ** 2).sum()) / float(stands_for[own].sum() or 1.0)
        rows.append(Held(up_to=up_to, mean=found.value, high=found.high + (unseen if up_to else 0.0)))
        low = up_to or 0
    return tuple(rows)


def weights(blocks: NDArray[np.void]) -> NDArray[np.float64]:
    """How many blocks each of the followed ones stands for."""
    free = 1 - np.minimum(blocks["used"], followed.PLACES - 1) / followed.PLACES
    value: NDArray[np.float64] = np.exp2(blocks["level"].astype(float)) / (probability(blocks) * free)
    return value


def _of(
    blocks: NDArray[np.void],
    weights: NDArray[np.float64],
    freed: NDArray[np.bool_],
    ticks: float,
    up_to: int | None,
) -> Lifetimes | None:
    if len(blocks) < FEWEST:
        return None
    whole = float(weights.sum())
    seconds = blocks["ticks"] / ticks * 1e-9
    allocations = blocks["allocations"].astype(float)
    return Lifetimes(
        up_to=up_to,
        followed=len(blocks),
        unfreed=share(~freed, weights),
        elsewhere=share(blocks["elsewhere"][freed], weights[freed]) if freed.any() else None,
        median_seconds=_median(seconds, weights, freed),
        median_allocations=_median(allocations, weights, freed),
        times=_steps(seconds[freed], weights[freed] / whole, _FIRST_TIME, _TIMES),
        allocations=_steps(allocations[freed], weights[freed] / whole, 1.0, _ALLOCATIONS),
    )


def share(is_so: NDArray[np.bool_], weights: NDArray[np.float64]) -> Share:
    """The share of the weight that is so."""
    whole = float(weights.sum())
    size = whole**2 / float((weights**2).sum())
    value = float(weights[is_so].sum()) / whole
    middle = (value + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
    half = _Z / (1 + _Z**2 / size) * float(np.sqrt(value * (1 - value) / size + _Z**2 / (4 * size**2)))
    return Share(value=value, low=max(min(middle - half, value), 0.0), high=min(max(middle + half, value), 1.0))


def _median(values: NDArray[np.float64], weights: NDArray[np.float64], freed: NDArray[np.bool_]) -> float | None:
    """Half of the blocks live no longer; None where half of them are never freed."""
    lived = np.where(freed, values, np.inf)
    order = np.argsort(lived, kind="stable")
    reached = np.cumsum(weights[order]) >= weights.sum() / 2
    middle = float(lived[order][reached.argmax()])
    return middle if np.isfinite(middle) else None


def _steps(values: NDArray[np.float64], shares: NDArray[np.float64], first: float, factor: float) -> tuple[Lived, ...]:
    """The shares of the values below `first`, and from there in steps of a factor, without empty steps."""
    if not len(values):
        return ()
    limits = _limits(first, factor, float(values.max()))
    places = np.searchsorted(np.array(limits), values, side="right")
    sums = np.bincount(places, weights=shares, minlength=len(limits))
    return tuple(Lived(below=limit, share=float(one)) for limit, one in zip(limits, sums, strict=True) if one > 0)


def _limits(first: float, factor: float, most: float) -> Sequence[float]:
    """Up to the first that is above `most`; each as the nearest float of its decimal form."""
    below = list(takewhile(lambda limit: limit <= most, (_limit(first, factor, step) for step in count())))
    return [*below, _limit(first, factor, len(below))]


def _limit(first: float, factor: float, step: int) -> float:
    return float(f"{first * factor**step:.6g}")
