"""A figure of paired measurements with its limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Typical:
    """What is usual, with its 95 % limits."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def typical(values: Sequence[float]) -> Typical:
    """The Hodges-Lehmann estimate with the limits of Wilcoxon's signed-rank test, by its normal approximation (M.
    Hollander and D. A. Wolfe, Nonparametric Statistical Methods, 1999, 3.2 and 3.3)."""
    count = len(values)
    walsh = sorted((values[i] + values[j]) / 2 for i in range(count) for j in range(i, count))
    out = count * (count + 1) / 4 - 1.96 * sqrt(count * (count + 1) * (2 * count + 1) / 24)
    first = max(int(out), 0)
    return Typical(value=median(walsh), low=walsh[first], high=walsh[-1 - first])
