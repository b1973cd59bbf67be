"""A figure with its limits: what fits, effects and their changes are told as."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure, with its limits where they are known; at which confidence, whoever holds it says."""

    value: float
    low: float | None = None
    high: float | None = None
