"""Did the choice of an earlier verdict stop being right? Answered from a new trial of it, by rules in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from heapswap.estimate import Estimate
from heapswap.report.comparison.estimates import effect_change
from heapswap.report.comparison.make import estimate
from heapswap.report.figures import interval, name, percent
from heapswap.trials.model import Trial
from heapswap.verdict.evidence import Evidence
from heapswap.verdict.model import Effect, GuardState, Verdict
from heapswap.workload import Direction

NOTHING = Estimate(value=0.0, low=0.0, high=0.0)
"""the baseline against itself"""


class Standing(StrEnum):
    """What has become of a choice."""

    RIGHT = "right"
    OPEN = "open"
    """it looks worse than what is allowed, but not beyond doubt"""
    GONE = "gone"
    """it could not be tried"""
    UNSAFE = "unsafe"
    """it fails, or prints something else, where the baseline does not"""
    GUARD = "guard"
    """it breaks a guard"""
    WORSE = "worse"
    """its gain over the baseline is smaller than it was, by more than is allowed"""
    OVERTAKEN = "overtaken"
    """another one is better by more than is allowed"""

    @property
    def is_wrong(self) -> bool:
        """Whether the choice stopped being right."""
        return self not in (Standing.RIGHT, Standing.OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether a choice still stands, and why."""

    choice: str
    standing: Standing
    why: str
    """one sentence"""


def chosen(verdict: Verdict) -> str:
    """What a verdict chose: the candidate that it adopts, else the baseline, which is kept."""
    return verdict.candidate or verdict.baseline


def still_right(old: Verdict, new: Verdict, trial: Trial, allowed: float) -> Answer:
    """What `trial`, with its verdict `new`, says of what `old` chose.

    Args:
        allowed: by how much the primary metric may be worse, as a fraction; more than that, beyond doubt, is wrong.
    """
    choice = chosen(old)
    found = next(_reasons(choice, old, new, Evidence(trial), allowed), None)
    standing, why = found or (Standing.RIGHT, f"{choice} is still right, within {percent(allowed)}")
    return Answer(choice=choice, standing=standing, why=why + ".")


def _reasons(
    choice: str, old: Verdict, new: Verdict, evidence: Evidence, allowed: float
) -> Iterator[tuple[Standing, str]]:
    """The gravest first; what is only in doubt comes last."""
    if choice != new.baseline:
        yield from _of_itself(choice, new, evidence)
    doubts = []
    for standing, other, worse in _costs(choice, old, new, evidence):
        limits = f" (99 % interval {interval(worse.low, worse.high)})" if worse.low is not None else ""
        told = f"{name(new.primary)} under {choice} is worse {other}: {percent(worse.value)}{limits}"
        told += f", where {percent(allowed)} is allowed"
        if worse.low is not None and worse.low > allowed:
            yield standing, told
        elif worse.value > allowed:
            doubts.append((Standing.OPEN, told + "; more runs would tell"))
    yield from doubts


def _of_itself(choice: str, new: Verdict, evidence: Evidence) -> Iterator[tuple[Standing, str]]:
    if choice not in evidence.tried:
        reason = next((one.reason for one in new.not_tried if one.candidate == choice), "no run of it was made")
        yield Standing.GONE, f"{choice} could not be tried: {reason}"
        return
    if evidence.is_unsafe(choice):
        yield Standing.UNSAFE, f"{choice} fails, or prints something else, where {new.baseline} does not"
    for check in new.guards:
        if check.candidate == choice and check.state is GuardState.BROKEN:
            seen = f"{percent(check.effect)}, {percent(check.limit)} is allowed"
            yield Standing.GUARD, f"{choice} breaks the guard on {name(check.metric)}: {seen}"


def _costs(choice: str, old: Verdict, new: Verdict, evidence: Evidence) -> Iterator[tuple[Standing, str, Estimate]]:
    """How much worse the choice is than it was, and than each other one that could be adopted."""
    scale = evidence.observed.scale(new.primary)
    more_is_better = scale is not None and scale.direction is Direction.MORE
    now = _effects(new)
    mine = NOTHING if choice == new.baseline else now.get(choice)
    if mine is None:
        return
    then = _effects(old).get(choice) if old.primary == new.primary and old.baseline == new.baseline else None
    if choice != new.baseline and then is not None:
        yield Standing.WORSE, f"than it was, both against {old.baseline}", _worse(then, mine, more_is_better)
    broken = {check.candidate for check in new.guards if check.state is GuardState.BROKEN} | {*evidence.unsafe}
    rivals = {new.baseline: NOTHING, **now}
    for rival, effect in rivals.items():
        if rival != choice and rival not in broken:
            yield Standing.OVERTAKEN, f"than under {rival}", _worse(effect, mine, more_is_better)


def _worse(before: Estimate, after: Estimate, more_is_better: bool) -> Estimate:
    """How much worse `after` is: of what is better when there is more, how much more `before` was."""
    return effect_change(after, before) if more_is_better else effect_change(before, after)


def _effects(verdict: Verdict) -> dict[str, Estimate]:
    def is_known(row: Effect) -> bool:
        return row.metric == verdict.primary and row.effect is not None and row.effect > -1

    return {row.candidate: estimate(row) for row in verdict.comparisons if is_known(row)}
