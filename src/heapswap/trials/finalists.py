"""Finalists: the candidates that face the baseline in confirming blocks, and how far each has come."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt

import numpy as np
from scipy import stats

from heapswap.trials import proof
from heapswap.trials.confirmation import (
    Blocks,
    balance,
    block_runs,
    blocks,
    crossing,
    looks,
    p_less,
    p_more,
)
from heapswap.trials.intervals import Estimate, estimate
from heapswap.trials.model import Design, GuardLimit, Run, Stage
from heapswap.trials.planner import MOST_BLOCKS, USUAL_BLOCKS, spent, usual
from heapswap.trials.screening import guard_shift, is_demanding, trouble
from heapswap.trials.statistics import Scale, of, scale, typical

SHARES = (0.5, 0.25, 0.25)
"""of the error, for each finalist in the order they enter; no more than three enter"""

GUARD_ERROR = 0.05
"""a guard's limit is a 95 % limit"""

FUTILE = 1.5
"""standard errors of luck that are granted before a finalist is given up"""

PROVING_CANDIDATES = 4
"""candidate runs in a proving block, beside one of the baseline"""


class State(StrEnum):
    """How far a finalist has come."""

    RUNNING = "running"
    """more confirming blocks are due"""
    PROVING = "proving"
    """the gain is shown; its tail is not yet clear"""
    WON = "won"
    LOST = "lost"
    """given up, or its blocks are used up"""


class GuardSeen(StrEnum):
    """A guard as the confirming blocks show it."""

    HELD = "held"
    BROKEN = "broken"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """One finalist."""

    candidate: str
    error: float
    """its share of the error"""
    looks: tuple[int, ...]
    blocks: int
    """confirming blocks it has"""
    crossed: int | None
    """the look at which the gain was shown"""
    state: State
    reason: str = ""
    """why it is lost, as one clause"""


def shares(design: Design) -> tuple[float, ...]:
    """The error of each finalist in the order they enter."""
    possible = SHARES[: len(design.candidates)]
    return tuple(design.criteria.error * share / sum(possible) for share in possible)


def entered(design: Design, runs: Sequence[Run]) -> tuple[str, ...]:
    """Finalists in the order they entered; of those that entered together, in order of promise."""
    first: dict[str, int] = {}
    for run in runs:
        if run.slot.stage is Stage.CONFIRMING and run.slot.candidate != design.baseline:
            first.setdefault(run.slot.candidate, run.slot.block)
    return tuple(sorted(first, key=lambda name: (first[name], design.candidates.index(name))))


def most_blocks(design: Design, before: Sequence[Run], names: Sequence[str]) -> int:
    """Confirming blocks that finalists entering together can have, from what was run before they entered."""
    if design.budget is None:
        return design.blocks or USUAL_BLOCKS
    each = 2 * sum(usual(before, name, design.baseline) for name in (design.baseline, *names))
    return min(int((design.budget - spent(before)) / each), design.blocks or MOST_BLOCKS)


def threshold(design: Design, runs: Sequence[Run], measure: Scale) -> float:
    """The difference of costs that a gain must be beyond: ratio and absolute floor."""
    criteria = design.criteria
    ratio = criteria.adopt_ratio
    if criteria.adopt_floor:
        usual_value = typical(of(runs, design.baseline), criteria.primary) or 0.0
        ratio = max(ratio, criteria.adopt_floor / usual_value) if usual_value > 0 else 1.0
    return measure.improvement(ratio)


def guard_state(seen: Blocks, limit: float) -> GuardSeen:
    """A guard from blocks: both one-sided limits at 95 %."""
    if p_less(seen, limit) <= GUARD_ERROR:
        return GuardSeen.HELD
    if p_more(seen, limit) <= GUARD_ERROR:
        return GuardSeen.BROKEN
    return GuardSeen.OPEN


def guard_allows(guard: GuardLimit, seen: Blocks, limit: float) -> bool:
    """Whether adopting is allowed as far as this guard goes."""
    state = guard_state(seen, limit)
    if is_demanding(guard):
        return state is GuardSeen.HELD
    return state is GuardSeen.HELD or (state is GuardSeen.OPEN and balance(seen, limit)[0] > 0)


def finalists(design: Design, runs: Sequence[Run]) -> tuple[Finalist, ...]:
    """Every finalist so far, in the order they entered."""
    names = entered(design, runs)
    measure = scale(runs, design.criteria.primary)
    if not names or measure is None:
        return ()
    start = {
        name: min(run.slot.block for run in runs if run.slot.candidate == name and run.slot.stage is Stage.CONFIRMING)
        for name in names
    }
    result = []
    for place, name in enumerate(names):
        together = [other for other in names if start[other] == start[name]]
        before = [run for run in runs if run.slot.block < start[name]]
        most = max(most_blocks(design, before, together), 1)
        result.append(_finalist(design, runs, name, measure, looks(most), shares(design)[place]))
    return tuple(result)


def _finalist(
    design: Design, runs: Sequence[Run], name: str, measure: Scale, planned: tuple[int, ...], error: float
) -> Finalist:
    grouped = block_runs(runs, design.baseline, name)
    primary = blocks(grouped, name, measure)
    shift = threshold(design, runs, measure)
    crossed = crossing(primary, shift, planned, error)

    def is_in(state: State, reason: str = "") -> Finalist:
        return Finalist(
            candidate=name,
            error=error,
            looks=planned,
            blocks=len(grouped),
            crossed=crossed,
            state=state,
            reason=reason,
        )

    if wrong := trouble(runs, design.baseline, name):
        return is_in(State.LOST, wrong)
    if len(grouped) < planned[0]:
        return is_in(State.RUNNING)
    at_look = len(grouped) in planned or len(grouped) >= planned[-1]
    if crossed is None and not at_look:
        return is_in(State.RUNNING)
    pending = []
    for guard in design.criteria.guards:
        found = scale(runs, guard.metric)
        if guard.metric == design.criteria.primary or found is None:
            continue
        limit = guard_shift(guard, runs, design.baseline, found)
        if limit is None:
            continue
        seen = blocks(grouped, name, found)
        if at_look and guard_state(seen, limit) is GuardSeen.BROKEN:
            return is_in(State.LOST, f"its {guard.metric} is beyond the limit")
        if not guard_allows(guard, seen, limit):
            pending.append(guard.metric)
    known = estimate(primary)
    used_up = len(grouped) >= planned[-1]
    if crossed is None:
        if used_up or (at_look and known and _is_futile(known, shift, len(grouped), planned[-1], error)):
            return is_in(State.LOST, "no gain beyond the margin was shown")
        return is_in(State.RUNNING)
    if pending:
        if used_up:
            return is_in(State.LOST, f"its {' and '.join(pending)} could not be shown to stay within the limit")
        return is_in(State.RUNNING)
    return _proved(design, runs, name, measure, primary, known, is_in(State.PROVING))


def _proved(
    design: Design,
    runs: Sequence[Run],
    name: str,
    measure: Scale,
    primary: Blocks,
    known: Estimate | None,
    proving: Finalist,
) -> Finalist:
    if known is None:
        return proving
    start = min(run.slot.block for run in runs if run.slot.candidate == name and run.slot.stage is Stage.CONFIRMING)
    late = [run for run in runs if run.slot.block >= start]
    ours = measure.costs(of(late, name))
    theirs = measure.costs(of(runs, design.baseline)[1:])
    ours, theirs = ours[np.isfinite(ours)], theirs[np.isfinite(theirs)]
    if proof.tail_is_clear(known.difference, ours, theirs) and proof.mean_is_better(primary):
        return replace(proving, state=State.WON)
    if proof.tail_is_worse(ours, theirs):
        return replace(proving, state=State.LOST, reason="some of its runs are much slower than its typical one")
    return proving


def _is_futile(known: Estimate, shift: float, now: int, last: int, error: float) -> bool:
    """Whether, even with some luck so far undone, the last look would not show a gain (stochastic curtailment)."""
    reachable = (shift - (known.difference - FUTILE * known.error)) / max(known.error * sqrt(now / last), 1e-9)
    return bool(reachable < stats.norm.isf(error))
