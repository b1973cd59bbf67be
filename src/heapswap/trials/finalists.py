"""Finalists: the candidates that face the baseline in confirming blocks, and how far each has come."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from math import sqrt

import numpy as np
from scipy import stats

from heapswap.trials import proof
from heapswap.trials.confirmation import (
    ARRANGEMENTS,
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
from heapswap.trials.screening import guard_shift, is_demanding
from heapswap.trials.statistics import Scale, of, scale, typical
from heapswap.trials.trouble import trouble
from heapswap.units import metric_name

SHARES = (0.7, 0.2, 0.1)
"""of the error, for each finalist in the order they enter; no more than three enter"""

GUARD_ERROR = 0.05
"""a guard's limit is a 95 % limit"""

FUTILE = 1.75
"""standard errors of luck that are granted before a finalist is given up"""

PROVING_CANDIDATES = 5
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
    broken: tuple[str, ...] = ()
    """guards that it is lost for"""


def shares(design: Design) -> tuple[float, ...]:
    """The error of each finalist in the order they enter."""
    possible = SHARES[: len(design.candidates)]
    return tuple(design.criteria.error * share / sum(possible) for share in possible)


def fewest_blocks(design: Design, before: int) -> int:
    """Blocks below which not even the best arrangement of all wins, for a finalist after so many: not worth a run."""
    error = shares(design)[before]
    return next(blocks for blocks in range(1, MOST_BLOCKS) if len(ARRANGEMENTS) ** -blocks <= error)


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
    for name, error in zip(names, shares(design), strict=False):
        together = [other for other in names if start[other] == start[name]]
        before = [run for run in runs if run.slot.block < start[name]]
        contest = _Contest(
            design=design,
            runs=runs,
            name=name,
            start=start[name],
            measure=measure,
            looks=looks(max(most_blocks(design, before, together), 1)),
            error=error,
        )
        state, reason, broken = contest.decided()
        result.append(
            Finalist(
                candidate=name,
                error=error,
                looks=contest.looks,
                blocks=len(contest.grouped),
                crossed=contest.crossed,
                state=state,
                reason=reason,
                broken=broken,
            )
        )
    return tuple(result)


Decided = tuple[State, str, tuple[str, ...]]
"""a state, the reason where it is lost, and the guards it is lost for"""


@dataclass(frozen=True, kw_only=True)
class _Contest:
    """One finalist against the baseline, as far as it has come."""

    design: Design
    runs: Sequence[Run]
    name: str
    start: int
    """its first confirming block"""
    measure: Scale
    looks: tuple[int, ...]
    error: float

    @cached_property
    def grouped(self) -> list[list[Run]]:
        return block_runs(self.runs, self.design.baseline, self.name)

    @cached_property
    def primary(self) -> Blocks:
        return blocks(self.grouped, self.name, self.measure)

    @cached_property
    def shift(self) -> float:
        return threshold(self.design, self.runs, self.measure)

    @cached_property
    def crossed(self) -> int | None:
        return crossing(self.primary, self.shift, self.looks, self.error)

    @cached_property
    def known(self) -> Estimate | None:
        return estimate(self.primary)

    def decided(self) -> Decided:
        """The state. What was lost at a look stays lost, whatever blocks are run later to narrow its limits."""
        if reason := trouble(self.runs, self.design.baseline, self.name):
            return State.LOST, reason, ()
        for look in self.looks:
            if look < len(self.grouped):
                last = self.grouped[look - 1][-1].slot.block
                then = replace(self, runs=[run for run in self.runs if run.slot.block <= last]).standing()
                if then[0] is State.LOST:
                    return then
        return self.standing()

    def standing(self) -> Decided:
        """The state as all runs show it."""
        made = len(self.grouped)
        is_last = made >= self.looks[-1]
        if self.crossed is None and not is_last and made not in self.looks:
            return State.RUNNING, "", ()
        broken, pending = self.guards()
        if broken and (is_last or made in self.looks):
            return State.LOST, f"its {_named(broken)} went beyond the limit", tuple(broken)
        missing = self.missing(pending)
        if not missing:
            return (*self.proved(), ())
        if is_last or (self.crossed is None and self.is_futile()):
            return State.LOST, missing, ()
        return State.RUNNING, "", ()

    def missing(self, pending: Sequence[str]) -> str:
        """What more confirming blocks would have to show; empty when they have shown everything."""
        if self.crossed is None:
            return "no gain beyond the margin was shown"
        if not proof.mean_is_better(self.primary):
            return "the mean of its runs was not shown to be better"
        return f"its {_named(pending)} was not shown to stay within the limit" if pending else ""

    def guards(self) -> tuple[list[str], list[str]]:
        """Metrics that are beyond their limit, and those that do not allow adopting, or not yet."""
        broken, pending = [], []
        for guard in self.design.criteria.guards:
            found = scale(self.runs, guard.metric)
            if guard.metric == self.measure.metric or found is None:
                continue
            limit = guard_shift(guard, self.runs, self.design.baseline, found)
            if limit is None:
                continue
            seen = blocks(self.grouped, self.name, found)
            if guard_state(seen, limit) is GuardSeen.BROKEN:
                broken.append(guard.metric)
            if not guard_allows(guard, seen, limit):
                pending.append(guard.metric)
        return broken, pending

    def is_futile(self) -> bool:
        """Whether, with some luck granted, the last look would still not show a gain (stochastic curtailment)."""
        if self.known is None:
            return True
        error = max(self.known.error, 1e-9)
        hoped = self.shift - (self.known.difference - FUTILE * error)
        return bool(hoped / (error * sqrt(len(self.grouped) / self.looks[-1])) < stats.norm.isf(self.error))

    def proved(self) -> tuple[State, str]:
        """Won when the tail is clear; lost when it is clearly worse."""
        late = [run for run in of(self.runs, self.name) if run.slot.block >= self.start]
        ours, theirs = self.measure.costs(late), self.measure.costs(of(self.runs, self.design.baseline)[1:])
        ours, theirs = ours[np.isfinite(ours)], theirs[np.isfinite(theirs)]
        # A gain that was lucky is taken a standard error smaller before it is asked what could eat it.
        clear = self.known is not None and proof.tail_is_clear(self.known.difference + self.known.error, ours, theirs)
        if clear:
            return State.WON, ""
        if proof.tail_is_worse(ours, theirs):
            return State.LOST, "some of its runs are much slower than its typical one"
        return State.PROVING, ""


def _named(metrics: Sequence[str]) -> str:
    return " and ".join(map(metric_name, metrics))
