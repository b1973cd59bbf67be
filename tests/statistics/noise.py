"""What a machine does to runs that are otherwise the same: noise models for simulated trials, in logarithms."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Noise = Callable[[np.random.Generator, int], Numbers]
"""Costs added to so many runs in a row."""

SPREAD = 0.05


def gaussian(random: np.random.Generator, runs: int) -> Numbers:
    """Independent noise of 5 %."""
    return random.normal(0.0, SPREAD, runs)


def _wander(random: np.random.Generator, runs: int) -> Numbers:
    """The slow wander of a machine, each step keeping 95 % of the last: 8 % in the long run."""
    wander = np.empty(runs)
    value = 0.0
    for place, step in enumerate(random.normal(0.0, SPREAD / 2, runs)):
        value = 0.95 * value + step
        wander[place] = value
    return wander


def _neighbours(random: np.random.Generator, runs: int) -> Numbers:
    """Now and then a neighbour that slows down several runs in a row."""
    extra = np.zeros(runs)
    place = 0
    while True:
        place += int(random.geometric(0.03))
        if place >= runs:
            return extra
        extra[place : place + int(random.geometric(0.2))] = random.exponential(0.35)


def drift(random: np.random.Generator, runs: int) -> Numbers:
    """Noise on a slow wander."""
    return gaussian(random, runs) + _wander(random, runs)


def bursts(random: np.random.Generator, runs: int) -> Numbers:
    """Noise with neighbours."""
    return gaussian(random, runs) + _neighbours(random, runs)


def machine(random: np.random.Generator, runs: int) -> Numbers:
    """Everything at once, as on a shared machine of two cores: wander, neighbours, and single slow runs."""
    outliers = (random.random(runs) < 0.05) * random.exponential(0.3, runs)
    return gaussian(random, runs) + _wander(random, runs) + _neighbours(random, runs) + outliers
