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


def drift(random: np.random.Generator, runs: int) -> Numbers:
    """Noise on a slow wander of the machine, each step keeping 95 % of the last."""
    wander = np.empty(runs)
    value = 0.0
    for place, step in enumerate(random.normal(0.0, SPREAD / 2, runs)):
        value = 0.95 * value + step
        wander[place] = value
    return gaussian(random, runs) + wander


def bursts(random: np.random.Generator, runs: int) -> Numbers:
    """Noise, and now and then a neighbour that slows down several runs in a row."""
    extra = np.zeros(runs)
    place = 0
    while True:
        place += int(random.geometric(0.03))
        if place >= runs:
            return gaussian(random, runs) + extra
        extra[place : place + int(random.geometric(0.2))] = random.exponential(0.35)


def machine(random: np.random.Generator, runs: int) -> Numbers:
    """Everything at once, as on a shared machine of two cores: drift, bursts, and single slow runs."""
    outliers = (random.random(runs) < 0.05) * random.exponential(0.3, runs)
    return drift(random, runs) + bursts(random, runs) - gaussian(random, runs) + outliers
