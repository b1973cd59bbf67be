"""The permutation test over confirming blocks.

Each block holds two baseline and two candidate runs in an order drawn by our own coin: one of six arrangements. Under
the null hypothesis that the candidate's cost is the baseline's plus a given shift, the six are equally likely whatever
the noise does, so the probability of the statistic is known exactly (R. A. Fisher, The Design of Experiments, 1935;
E. J. G. Pitman, Supplement to the Journal of the Royal Statistical Society 4, 1937). The statistic sums each
run's distance from the median of its block, clipped at one and a half robust standard deviations (P. J. Huber, Annals
of Mathematical Statistics 35, 1964), on a grid: convolution gives the distribution of sums of grid values exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from heapswap.trials.statistics import Numbers

PLACES = 4
"""runs of a block that one comparison rests on: two of the baseline, two of the candidate"""

ARRANGEMENTS = np.array([[place in pair for place in range(PLACES)] for pair in combinations(range(PLACES), 2)])
"""6 x 4: which places the candidate takes"""

CLIP = 1.5
"""robust standard deviations beyond which a run counts no more than one at this distance"""

GRID = 48
"""steps from zero to the clip"""

NORMAL_MAD = 1.4826
"""standard deviation of a normal distribution over its median absolute deviation"""

LEAST_SPREAD = 1e-6
"""relative spread below which costs count as equal"""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Costs of n complete blocks in run order, and which of the four are the candidate's. Equal if all values are."""

    costs: Numbers
    """n x 4"""
    candidate: NDArray[np.bool_]
    """n x 4, two of each row"""

    def __len__(self) -> int:
        return len(self.costs)

    def __hash__(self) -> int:
        return hash(self.costs.tobytes())

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Blocks)
            and np.array_equal(self.costs, other.costs)
            and np.array_equal(self.candidate, other.candidate)
        )

    def first(self, count: int) -> "Blocks":
        """The first blocks only."""
        return Blocks(self.costs[:count], self.candidate[:count])

    def arm(self, *, candidate: bool) -> Numbers:
        """n x 2: the costs of one side."""
        side: Numbers = self.costs[self.candidate == candidate].reshape(-1, 2)
        return side


def _scores(blocks: Blocks, shift: float) -> NDArray[np.int64]:
    """n x 4: the distance of every run from the middle of its block under a shift, in steps of the grid."""
    aligned = blocks.costs - np.where(blocks.candidate, shift, 0.0)
    # The middle two of four, without numpy's slower general median.
    ordered = np.sort(aligned, axis=1)
    distance = aligned - ((ordered[:, 1] + ordered[:, 2]) / 2)[:, None]
    far = np.sort(np.abs(distance), axis=None)
    spread = max(NORMAL_MAD * float(far[(far.size - 1) // 2] + far[far.size // 2]) / 2, LEAST_SPREAD)
    # np.clip takes four times as long.
    clipped = np.minimum(np.maximum(distance / (CLIP * spread), -1.0), 1.0)
    steps: NDArray[np.int64] = np.rint(clipped * GRID).astype(np.int64)
    return steps


def statistics(blocks: Blocks, shift: float) -> NDArray[np.int64]:
    """n x 6: what each block would add to the statistic under each arrangement, were the shift exactly true."""
    scores = _scores(blocks, shift)
    every: NDArray[np.int64] = scores.sum(axis=1)[:, None] - 2 * scores @ ARRANGEMENTS.T.astype(np.int64)
    return every


def balance(blocks: Blocks, shift: float) -> int:
    """The statistic of the order that was drawn: positive where the candidate costs less than baseline plus shift."""
    scores = _scores(blocks, shift)
    return int(scores.sum() - 2 * scores[blocks.candidate].sum())


def deviation(blocks: Blocks, shift: float) -> float:
    """The standard deviation of the statistic by chance."""
    every = statistics(blocks, shift).astype(np.float64)
    return float(np.sqrt((every**2).mean(axis=1).sum()))


def distribution(every: NDArray[np.int64]) -> tuple[Numbers, int]:
    """Probabilities of the sum over blocks of one of six values each, drawn independently; and the place of zero."""
    reach = np.abs(every).max(axis=1)
    zero = int(reach.sum())
    probabilities = np.zeros(2 * zero + 1)
    probabilities[zero] = 1.0
    low = high = zero
    for values, step in zip(every.tolist(), reach.tolist(), strict=True):
        grown = np.zeros_like(probabilities)
        for value in values:
            grown[low + value : high + value + 1] += probabilities[low : high + 1]
        probabilities = grown / len(values)
        low, high = low - step, high + step
    return probabilities, zero


def p_less(blocks: Blocks, shift: float) -> float:
    """Probability of blocks that speak as much for "less than baseline plus shift", were the shift exactly true."""
    return _tails(blocks, shift)[0]


def p_more(blocks: Blocks, shift: float) -> float:
    """The same for "more than baseline plus shift"."""
    return _tails(blocks, shift)[1]


@lru_cache(maxsize=512)
def _tails(blocks: Blocks, shift: float) -> tuple[float, float]:
    """Both probabilities; remembered, because a design is replayed from the start for every block."""
    if not len(blocks) or not np.isfinite(shift):
        return 1.0, 1.0
    probabilities, zero = distribution(statistics(blocks, shift))
    happened = zero + balance(blocks, shift)
    # Rounding in sums of sixths must never make a value look rarer than it is.
    return (
        min(1.0, float(probabilities[happened:].sum()) + 1e-12),
        min(1.0, float(probabilities[: happened + 1].sum()) + 1e-12),
    )


LADDER = (5, 8, 11, 15, 20, 30, 45, 65, 100)
"""Blocks after which the test may look, as far as the trial has them."""


def looks(most: int) -> tuple[int, ...]:
    """The looks of a comparison of at most this many blocks: fixed before the first, the last at the end.

    Where slow runs leave the last blocks no time, the look before has been taken.
    """
    return (*(look for look in LADDER if look < most), most)


def spent(looks: Sequence[int], error: float) -> tuple[float, ...]:
    """The error that each look may use: in proportion to the blocks since the last, so that the sum is the error.

    Bonferroni's inequality over linear spending (K. K. G. Lan and D. L. DeMets, Biometrika 70, 1983).
    """
    before = (0, *looks[:-1])
    return tuple(error * (look - last) / looks[-1] for look, last in zip(looks, before, strict=True))


def crossing(blocks: Blocks, shift: float, looks: Sequence[int], error: float) -> int | None:
    """The first look whose test excludes the shift: the number of blocks, or None."""
    for look, share in zip(looks, spent(looks, error), strict=True):
        if look > len(blocks):
            return None
        if p_less(blocks.first(look), shift) <= share:
            return look
    return None
