"""The change between two independent estimates, from their own limits alone."""

from collections.abc import Callable, Sequence
from math import exp, expm1, hypot, inf, isfinite, log, log1p

import numpy as np
from scipy.special import stdtrit

from heapswap.estimate import Estimate
from heapswap.report.comparison.model import Change, Form, Said

_LARGEST = 709.0
"""the largest logarithm of a float"""


def difference(before: Estimate, after: Estimate) -> Estimate:
    """after - before, with limits at the confidence that both have.

    Limits are recovered from those of the two, which may lie unevenly about their estimates: the square-and-add method,
    G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general approach", Statistics
    in Medicine 27, 2008. Of two proportions with Wilson's limits it is method 10 of R. G. Newcombe, "Interval
    estimation for the difference between independent proportions", Statistics in Medicine 17, 1998. Both must be
    independent; where they share a baseline that helped both, limits are wider than they need to be.
    """
    value = after.value - before.value
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return Estimate(value=value)
    return Estimate(
        value=value,
        low=value - hypot(after.value - after.low, before.high - before.value),
        high=value + hypot(after.high - after.value, before.value - before.low),
    )


def effect_change(before: Estimate, after: Estimate) -> Estimate:
    """How much larger the ratio behind an effect (candidate / baseline - 1) is: -0.1 and 0.08 make 0.2."""
    return _turned_back(difference(_logged(before, log1p, -1.0), _logged(after, log1p, -1.0)))


def level(values: Sequence[float], confidence: float) -> Estimate | None:
    """The typical value (geometric mean) of independent runs, with Student's limits on the scale of logarithms.

    None where a value is not above zero, or where there is none. One alone has no limits.
    """
    if not values or min(values) <= 0:
        return None
    logs = np.log(np.array(values, dtype=np.float64))
    middle = float(logs.mean())
    if len(values) < 2:
        return Estimate(value=exp(middle))
    error = float(logs.std(ddof=1)) / len(values) ** 0.5
    reach = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * error
    return Estimate(value=exp(middle), low=exp(middle - reach), high=exp(middle + reach))


def level_change(before: Estimate, after: Estimate) -> Estimate:
    """after / before - 1 of two values above zero."""
    return _turned_back(difference(_logged(before, log, 0.0), _logged(after, log, 0.0)))


def changed(subject: str, measure: str, unit: str, before: Estimate, after: Estimate) -> Change | None:
    """A change in the form that suits its unit; None where it cannot be told (a ratio to zero)."""
    if unit == "share":
        form, found = Form.POINTS, difference(before, after)
    elif unit == "effect":
        if min(before.value, after.value) <= -1:
            return None
        form, found = Form.RATIO, effect_change(before, after)
    else:
        if before.value <= 0 or after.value <= 0:
            return None
        form, found = Form.RATIO, level_change(before, after)
    if not isfinite(found.value):
        return None
    return Change(
        subject=subject,
        measure=measure,
        unit=unit,
        before=before,
        after=after,
        form=form,
        change=found,
        says=_said(found),
    )


def _said(change: Estimate) -> Said:
    if change.low is None or change.high is None:
        return Said.COUNTED
    if change.high < 0:
        return Said.LESS
    return Said.MORE if change.low > 0 else Said.OPEN


def _logged(one: Estimate, logarithm: Callable[[float], float], least: float) -> Estimate:
    """An estimate on the scale of logarithms; without limits where the lower one is at `least`, which has none."""
    value = logarithm(one.value)
    if one.low is None or one.high is None or one.low <= least:
        return Estimate(value=value)
    return Estimate(value=value, low=logarithm(one.low), high=logarithm(one.high))


def _turned_back(found: Estimate) -> Estimate:
    """A ratio minus one, from logarithms."""
    low = None if found.low is None else _ratio(found.low)
    return Estimate(value=_ratio(found.value), low=low, high=None if found.high is None else _ratio(found.high))


def _ratio(logged: float) -> float:
    """Infinite where a float cannot hold it."""
    return expm1(logged) if logged < _LARGEST else inf
