"""Finalists: the candidates that face the baseline in confirming blocks, and how far each has come."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from math import sqrt

import numpy as np
from scipy.special import ndtri

from heapswap.trials import proof
from heapswap.trials.confirmation import ARRANGEMENTS, Blocks, balance, crossing, looks, p_less, p_more
from heapswap.trials.intervals import Estimate, estimate
from heapswap.trials.model import Demand, Design, Run, Stage
from heapswap.trials.observed import Guard, Observed
from heapswap.trials.statistics import Numbers, Scale
from heapswap.trials.trouble import trouble
from heapswap.units import metric_name

SHARES = (0.7, 0.2, 0.1)
"""of the error, for each finalist in the order they enter; no more than three enter"""

USUAL_BLOCKS = 11
"""confirming blocks of a finalist where neither a budget nor a number of blocks is given"""

MOST_BLOCKS = 30

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


def entered(observed: Observed) -> dict[str, int]:
    """Finalists and their first block, in the order they entered, or of promise where they entered together."""
    first: dict[str, int] = {}
    for run in observed.runs:
        if run.slot.stage is Stage.CONFIRMING and run.slot.candidate != observed.design.baseline:
            first.setdefault(run.slot.candidate, run.slot.block)
    return dict(sorted(first.items(), key=lambda one: (one[1], observed.arm(one[0]))))


def most_blocks(before: Observed, names: Sequence[str]) -> int:
    """Confirming blocks that finalists entering together can have, from what was run before they entered."""
    design = before.design
    if design.budget is None:
        return design.blocks or USUAL_BLOCKS
    each = 2 * sum(before.usual(name) for name in (design.baseline, *names))
    return min(int((design.budget - before.spent) / each), design.blocks or MOST_BLOCKS)


def guard_state(seen: Blocks, limit: float) -> GuardSeen:
    """A guard from blocks: both one-sided limits at 95 %."""
    if p_less(seen, limit) <= GUARD_ERROR:
        return GuardSeen.HELD
    if p_more(seen, limit) <= GUARD_ERROR:
        return GuardSeen.BROKEN
    return GuardSeen.OPEN


def guard_allows(guard: Guard, seen: Blocks) -> bool:
    """Whether adopting is allowed as far as this guard goes."""
    state = guard_state(seen, guard.limit)
    if guard.demand is Demand.HELD:
        return state is GuardSeen.HELD
    # A block in which a run lacks the metric is none; where that is so of all of them, nothing speaks for the guard.
    inside = len(seen) > 0 and balance(seen, guard.limit) > 0
    return state is GuardSeen.HELD or (state is GuardSeen.OPEN and inside)


def finalists(observed: Observed) -> tuple[Finalist, ...]:
    """Every finalist so far, in the order they entered."""
    measure = observed.primary
    if measure is None:
        return ()
    starts = entered(observed)
    result = []
    for (name, start), error in zip(starts.items(), shares(observed.design), strict=False):
        together = [other for other in starts if starts[other] == start]
        contest = _Contest(
            observed=observed,
            name=name,
            start=start,
            measure=measure,
            looks=looks(max(most_blocks(observed.until(start - 1), together), 1)),
            error=error,
        )
        state, reason, broken = contest.decided()
        result.append(
            Finalist(
                candidate=name,
                error=error,
                looks=contest.looks,
                blocks=contest.made,
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

    observed: Observed
    name: str
    start: int
    """its first confirming block"""
    measure: Scale
    looks: tuple[int, ...]
    error: float

    @property
    def made(self) -> int:
        """Its confirming blocks, those included that cannot be compared."""
        return len(self.observed.confirming(self.name))

    @cached_property
    def primary(self) -> Blocks:
        return self.observed.blocks(self.name, self.measure)

    @cached_property
    def crossed(self) -> int | None:
        return crossing(self.primary, self.observed.threshold, self.looks, self.error)

    @property
    def known(self) -> Estimate | None:
        return estimate(self.primary)

    def decided(self) -> Decided:
        """The state. What was lost at a look stays lost, whatever blocks are run later to narrow its limits."""
        observed = self.observed
        if reason := trouble(observed.of(self.name), observed.baseline, observed.expected):
            return State.LOST, reason, ()
        for look in self.looks:
            if look < self.made:
                last = observed.runs[observed.confirming(self.name)[look - 1, -1]].slot.block
                then = replace(self, observed=observed.until(last)).standing()
                if then[0] is State.LOST:
                    return then
        return self.standing()

    def standing(self) -> Decided:
        """The state as all runs show it."""
        is_last = self.made >= self.looks[-1]
        if self.crossed is None and not is_last and self.made not in self.looks:
            return State.RUNNING, "", ()
        broken, pending = self.guards()
        if broken and (is_last or self.made in self.looks):
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
        for guard in self.observed.guards:
            seen = self.observed.blocks(self.name, guard.measure)
            if guard_state(seen, guard.limit) is GuardSeen.BROKEN:
                broken.append(guard.measure.metric)
            if not guard_allows(guard, seen):
                pending.append(guard.measure.metric)
        return broken, pending

    def is_futile(self) -> bool:
        """Whether, with some luck granted, the last look would still not show a gain (stochastic curtailment)."""
        if self.known is None:
            return True
        error = max(self.known.error, 1e-9)
        hoped = self.observed.threshold - (self.known.difference - FUTILE * error)
        return bool(hoped / (error * sqrt(self.made / self.looks[-1])) < -ndtri(self.error))

    def proved(self) -> tuple[State, str]:
        """Won when the tail is clear; lost when it is clearly worse."""
        late = [run for run in self.observed.of(self.name) if run.slot.block >= self.start]
        ours, theirs = self._comparable(late), self._comparable(self.observed.baseline[1:])
        # A gain that was lucky is taken a standard error smaller before it is asked what could eat it.
        clear = self.known is not None and proof.tail_is_clear(self.known.difference + self.known.error, ours, theirs)
        if clear:
            return State.WON, ""
        if proof.tail_is_worse(ours, theirs):
            return State.LOST, "some of its runs are much slower than its typical one"
        return State.PROVING, ""

    def _comparable(self, runs: Sequence[Run]) -> Numbers:
        """The costs of those runs that can be compared."""
        costs = self.measure.costs(runs)
        known: Numbers = costs[np.isfinite(costs)]
        return known


def _named(metrics: Sequence[str]) -> str:
    return " and ".join(map(metric_name, metrics))
