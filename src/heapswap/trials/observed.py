"""The runs of a trial as design and verdict see them: grouped, and turned into numbers, once."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from heapswap.trials.confirmation import PLACES, Blocks
from heapswap.trials.model import Demand, Design, GuardLimit, Run, Stage
from heapswap.trials.statistics import STARTING, Numbers, Places, Scale, duration, of, scale, typical
from heapswap.trials.trouble import expected_outputs


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard that can be judged: the baseline has its metric, and it is not the primary one."""

    measure: Scale
    limit: float
    """the largest difference of costs allowed, the absolute floor included"""
    demand: Demand


@dataclass(frozen=True, kw_only=True, eq=False)
class Observed:
    """The runs of a trial so far, in the order they were made, and what follows from them."""

    design: Design
    runs: tuple[Run, ...]
    costs: Mapping[str, Numbers]
    """of each metric the cost of every run, in order; NaN where it cannot be compared"""

    def until(self, block: int) -> "Observed":
        """What was known at the end of a block."""
        count = bisect_right(self.runs, block, key=lambda run: run.slot.block)
        return replace(
            self, runs=self.runs[:count], costs={metric: costs[:count] for metric, costs in self.costs.items()}
        )

    # --- who ran -----------------------------------------------------------------------------------------------

    def arm(self, candidate: str) -> int:
        """The number of a candidate: 0 the baseline, then the candidates in order of promise."""
        return 0 if candidate == self.design.baseline else self.design.candidates.index(candidate) + 1

    @cached_property
    def arms(self) -> Places:
        """The arm of every run."""
        number = {name: place for place, name in enumerate((self.design.baseline, *self.design.candidates))}
        return np.array([number[run.slot.candidate] for run in self.runs], dtype=np.int64)

    @cached_property
    def _runs_of(self) -> Mapping[str, tuple[Run, ...]]:
        return {name: of(self.runs, name) for name in dict.fromkeys(run.slot.candidate for run in self.runs)}

    def of(self, candidate: str) -> tuple[Run, ...]:
        """The runs of one candidate."""
        return self._runs_of.get(candidate, ())

    @property
    def baseline(self) -> tuple[Run, ...]:
        """The runs of the baseline."""
        return self.of(self.design.baseline)

    @cached_property
    def expected(self) -> Mapping[int, str]:
        """What the runs of each block have to print, as far as it can be told."""
        return expected_outputs(self.runs, self.design.baseline)

    # --- what it took ------------------------------------------------------------------------------------------

    @cached_property
    def spent(self) -> float:
        """Seconds of the budget that are used."""
        return sum(duration(run) for run in self.runs)

    def usual(self, candidate: str) -> float:
        """Seconds that a run of a candidate takes, on average of its own, or else of the baseline's."""
        mine = self.of(candidate) or self.baseline
        return sum(duration(run) for run in mine) / len(mine) if mine else STARTING

    # --- numbers -----------------------------------------------------------------------------------------------

    def scale(self, metric: str) -> Scale | None:
        """How a metric is compared; None where no run has it."""
        return scale(self.runs, metric)

    @cached_property
    def primary(self) -> Scale | None:
        """How the primary metric is compared."""
        return self.scale(self.design.criteria.primary)

    @cached_property
    def threshold(self) -> float:
        """The difference of costs that a gain must be beyond: ratio and absolute floor."""
        if self.primary is None:
            return float("-inf")
        criteria = self.design.criteria
        ratio = criteria.adopt_ratio
        if criteria.adopt_floor:
            usual = typical(self.baseline, criteria.primary) or 0.0
            ratio = max(ratio, criteria.adopt_floor / usual) if usual > 0 else 1.0
        return self.primary.improvement(ratio)

    @cached_property
    def guards(self) -> tuple[Guard, ...]:
        """Every guard that can be judged."""
        return tuple(guard for limit in self.design.criteria.guards if (guard := self._guard(limit)) is not None)

    def _guard(self, guard: GuardLimit) -> Guard | None:
        measure, usual = self.scale(guard.metric), typical(self.baseline, guard.metric)
        if measure is None or usual is None or guard.metric == self.design.criteria.primary:
            return None
        floor = guard.floor / usual if usual > 0 else float("inf")
        return Guard(measure, measure.worsening(max(guard.ratio, floor)), guard.demand)

    def comparable(self, candidate: str, measure: Scale) -> int:
        """How many runs of a candidate can be compared on a metric."""
        return int(np.isfinite(self.costs[measure.metric][self.arms == self.arm(candidate)]).sum())

    # --- confirming blocks -------------------------------------------------------------------------------------

    @cached_property
    def _confirming(self) -> Mapping[str, Places]:
        """For each finalist its confirming blocks, n x 4: where in `runs` the two baselines and its own two are.

        A block may hold another finalist as well; given where that one ran, the six arrangements of the other four
        remain equally likely.
        """
        blocks: dict[int, list[int]] = {}
        for place, run in enumerate(self.runs):
            if run.slot.stage is Stage.CONFIRMING:
                blocks.setdefault(run.slot.block, []).append(place)
        found: dict[str, list[list[int]]] = {}
        for block in blocks.values():
            names = [self.runs[place].slot.candidate for place in block]
            for name in set(names) - {self.design.baseline}:
                mine = [place for place, who in zip(block, names, strict=True) if who in (self.design.baseline, name)]
                if len(mine) == PLACES and names.count(name) == PLACES // 2:
                    found.setdefault(name, []).append(mine)
        return {name: np.array(places, dtype=np.int64) for name, places in found.items()}

    def confirming(self, candidate: str) -> Places:
        """The confirming blocks of a candidate, n x 4 places in `runs`."""
        return self._confirming.get(candidate, np.empty((0, PLACES), dtype=np.int64))

    def blocks(self, candidate: str, measure: Scale) -> Blocks:
        """The confirming blocks of a candidate on one metric, without those in which a run cannot be compared."""
        places = self.confirming(candidate)
        costs = self.costs[measure.metric][places]
        whole = np.isfinite(costs).all(axis=1)
        return Blocks(costs[whole], self.arms[places[whole]] == self.arm(candidate))


def observe(design: Design, runs: Sequence[Run]) -> Observed:
    """The runs so far as numbers."""
    metrics = dict.fromkeys(row.metric for run in runs for row in run.measurements)
    return Observed(
        design=design,
        runs=tuple(runs),
        costs={metric: found.costs(runs) for metric in metrics if (found := scale(runs, metric)) is not None},
    )
