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

from heapswap.trials.model import Run, Stage
from heapswap.trials.statistics import Numbers, Scale

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


@dataclass(frozen=True, slots=True)
class Blocks:
    """Costs of n complete blocks in run order, and which of the four are the candidate's."""

    costs: Numbers
    """n x 4"""
    candidate: NDArray[np.bool_]
    """n x 4, two of each row"""

    def __len__(self) -> int:
        return len(self.costs)

    def first(self, count: int) -> "Blocks":
        """The first blocks only."""
        return Blocks(self.costs[:count], self.candidate[:count])

    def arm(self, *, candidate: bool) -> Numbers:
        """n x 2: the costs of one side."""
        side: Numbers = self.costs[self.candidate == candidate].reshape(-1, 2)
        return side


def block_runs(runs: Sequence[Run], baseline: str, candidate: str) -> list[list[Run]]:
    """The confirming blocks in which the candidate has its two runs, each as its four runs in order.

    A block may hold another finalist as well; given where that one ran, the six arrangements of the other four remain
    equally likely.
    """
    grouped: dict[int, list[Run]] = {}
    for run in runs:
        if run.slot.stage is Stage.CONFIRMING and run.slot.candidate in (baseline, candidate):
            grouped.setdefault(run.slot.block, []).append(run)
    return [
        block
        for block in grouped.values()
        if len(block) == PLACES and sum(run.slot.candidate == candidate for run in block) == PLACES // 2
    ]


def blocks(grouped: Sequence[Sequence[Run]], candidate: str, scale: Scale) -> Blocks:
    """Costs of one metric; a block with a run that cannot be compared is left out whole."""
    costs = np.array([[scale.cost(run) for run in block] for block in grouped], dtype=np.float64).reshape(-1, PLACES)
    mask = np.array([[run.slot.candidate == candidate for run in block] for block in grouped], dtype=np.bool_).reshape(
        -1, PLACES
    )
    whole = np.isfinite(costs).all(axis=1)
    return Blocks(costs[whole], mask[whole])


def _scores(blocks: Blocks, shift: float) -> tuple[NDArray[np.int64], int]:
    """n x 6 statistics of every arrangement under a shift, and the sum of those that happened; large: less than it."""
    aligned = blocks.costs - np.where(blocks.candidate, shift, 0.0)
    # The middle two of four, without numpy's slower general median.
    ordered = np.sort(aligned, axis=1)
    distance = aligned - ((ordered[:, 1] + ordered[:, 2]) / 2)[:, None]
    far = np.sort(np.abs(distance), axis=None)
    spread = max(NORMAL_MAD * float(far[(far.size - 1) // 2] + far[far.size // 2]) / 2, LEAST_SPREAD)
    steps = np.rint(np.minimum(np.maximum(distance / (CLIP * spread), -1.0), 1.0) * GRID).astype(np.int64)
    total = steps.sum(axis=1)
    every = total[:, None] - 2 * steps @ ARRANGEMENTS.T.astype(np.int64)
    happened = int(total.sum() - 2 * steps[blocks.candidate].sum())
    return every, happened


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


def _tails(blocks: Blocks, shift: float) -> tuple[float, float]:
    if not len(blocks) or not np.isfinite(shift):
        return 1.0, 1.0
    return _tails_of(blocks.costs.tobytes(), blocks.candidate.tobytes(), float(shift))


@lru_cache(maxsize=512)
def _tails_of(costs: bytes, candidate: bytes, shift: float) -> tuple[float, float]:
    """Both tails; remembered, because a design is replayed from the start for every block."""
    blocks = Blocks(
        np.frombuffer(costs, dtype=np.float64).reshape(-1, PLACES),
        np.frombuffer(candidate, dtype=np.bool_).reshape(-1, PLACES),
    )
    every, happened = _scores(blocks, shift)
    probabilities, zero = distribution(every)
    # Rounding in sums of sixths must never make a value look rarer than it is.
    return (
        min(1.0, float(probabilities[zero + happened :].sum()) + 1e-12),
        min(1.0, float(probabilities[: zero + happened + 1].sum()) + 1e-12),
    )


def balance(blocks: Blocks, shift: float) -> tuple[int, float]:
    """The statistic, positive where the candidate costs less than baseline plus shift, and its deviation by chance."""
    every, happened = _scores(blocks, shift)
    return happened, float(np.sqrt((every.astype(np.float64) ** 2).mean(axis=1).sum()))


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
