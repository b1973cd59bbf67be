"""Runs grouped and turned into numbers: each as the run itself says, and what was known earlier as it was then."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.trials.design import block_after, next_block
from heapswap.trials.finalists import State, finalists
from heapswap.trials.model import Criteria, Demand, GuardLimit, Outcome, Run, Slot, Stage
from heapswap.trials.observed import observe
from heapswap.trials.statistics import duration, scale
from tests.trials.synthetic import MIB, TIME, conduct, design, run

NAMES = ("a", "b", "c")


def make(slot: Slot, number: int) -> Run:
    noise = 1 + ((number * 7919) % 41 - 20) / 1000
    if number == 9:
        return run(slot, outcome=Outcome.CRASHED)
    return run(slot, {"wall": noise * (0.8 if slot.candidate == "b" else 1.0)})


DESIGN = design(NAMES)
RUNS = conduct(DESIGN, make)
OBSERVED = observe(DESIGN, RUNS)
WALL = scale(RUNS, "wall")


def slot(candidate: str, block: int, position: int, stage: Stage = Stage.CONFIRMING) -> Slot:
    return Slot(stage=stage, block=block, position=position, candidate=candidate)


def test_costs_are_those_of_the_runs_in_order() -> None:
    assert WALL is not None
    np.testing.assert_equal(OBSERVED.costs["wall"], [WALL.cost(one) for one in RUNS])
    assert np.isnan(OBSERVED.costs["wall"][9])


def test_every_run_has_the_arm_of_its_candidate() -> None:
    names = ("current", *NAMES)
    assert [names[arm] for arm in OBSERVED.arms] == [one.slot.candidate for one in RUNS]
    assert [OBSERVED.arm(name) for name in names] == [0, 1, 2, 3]


@settings(max_examples=20)
@given(st.integers(0, RUNS[-1].slot.block))
def test_what_was_known_then_is_what_would_have_been_observed_then(block: int) -> None:
    then, anew = OBSERVED.until(block), observe(DESIGN, [one for one in RUNS if one.slot.block <= block])
    assert then.runs == anew.runs
    for metric, costs in anew.costs.items():
        np.testing.assert_equal(then.costs[metric], costs)
    assert (then.spent, then.threshold, then.guards) == (anew.spent, anew.threshold, anew.guards)
    assert all(then.blocks(name, guard.measure) == anew.blocks(name, guard.measure)
               for name in NAMES for guard in then.guards)  # fmt: skip


def test_a_confirming_block_is_two_of_each_in_the_order_they_ran() -> None:
    assert WALL is not None
    blocks = OBSERVED.blocks("b", WALL)
    assert len(blocks) >= 5
    assert (blocks.candidate.sum(axis=1) == 2).all()
    mine = [[RUNS[place] for place in places] for places in OBSERVED.confirming("b")]
    for block in mine:
        assert len({one.slot.block for one in block}) == 1
        assert [one.slot.position for one in block] == sorted(one.slot.position for one in block)
    completed = [block for block in mine if all(one.outcome is Outcome.COMPLETED for one in block)]
    assert blocks.costs.tolist() == [[WALL.cost(one) for one in block] for block in completed]


def test_two_finalists_of_one_block_are_each_compared_with_its_baselines() -> None:
    assert WALL is not None
    order = ("a", "current", "b", "b", "current", "a")
    runs = [run(slot(name, 1, place), {"wall": 1.0 + place}) for place, name in enumerate(order)]
    observed = observe(DESIGN, runs)
    assert observed.confirming("a").tolist() == [[0, 1, 4, 5]]
    assert observed.confirming("b").tolist() == [[1, 2, 3, 4]]
    assert observed.blocks("b", WALL).candidate.tolist() == [[False, True, True, False]]


@pytest.mark.parametrize("outcome", [Outcome.CRASHED, Outcome.NOT_IN_FORCE, Outcome.TIMED_OUT])
def test_a_block_with_a_run_that_cannot_be_compared_is_left_out_whole(outcome: Outcome) -> None:
    assert WALL is not None
    order = ("a", "current", "a", "current")
    runs = [run(slot(name, 1, place)) for place, name in enumerate(order)]
    runs += [run(slot(name, 2, place), outcome=outcome if place == 2 else Outcome.COMPLETED)
             for place, name in enumerate(order)]  # fmt: skip
    observed = observe(DESIGN, runs)
    assert len(observed.confirming("a")) == 2
    assert len(observed.blocks("a", WALL)) == 1
    assert observed.comparable("a", WALL) == 3


def test_a_block_that_is_not_complete_is_none() -> None:
    runs = [run(slot(name, 1, place)) for place, name in enumerate(("a", "current", "a"))]
    assert len(observe(DESIGN, runs).confirming("a")) == 0
    assert len(observe(DESIGN, runs).confirming("c")) == 0


def test_a_candidate_never_run_takes_as_long_as_the_baseline() -> None:
    runs = [run(slot("current", 0, 0, Stage.WARM_UP)), run(slot("a", 1, 0, Stage.SCREENING), {"wall": 3.0})]
    observed = observe(DESIGN, runs)
    assert observed.usual("a") == duration(runs[1])
    assert observed.usual("b") == duration(runs[0])
    assert observed.spent == duration(runs[0]) + duration(runs[1])


def test_a_guard_is_judged_where_the_baseline_has_its_metric_and_it_does_not_decide() -> None:
    limits = tuple(
        GuardLimit(metric=metric, ratio=0.1, floor=40 * MIB, demand=Demand.HELD)
        for metric in ("wall", "peak", "absent")
    )
    criteria = Criteria(primary="wall", adopt_ratio=0.02, guards=limits)
    (guard,) = observe(design(NAMES, criteria), RUNS).guards
    assert guard.measure.metric == "peak"
    # The absolute floor is the larger: 40 MiB of 200 MiB.
    assert guard.measure.effect(guard.limit) == pytest.approx(0.2)


def test_a_guard_whose_metric_no_confirming_block_has_throughout_is_open_and_allows_nothing() -> None:
    criteria = replace(TIME, guards=(GuardLimit(metric="cpu", ratio=0.05, floor=0.0, demand=Demand.NOT_BROKEN),))
    runs = [run(slot("current", 0, 0, Stage.WARM_UP)), run(slot("a", 1, 0, Stage.SCREENING), {"wall": 0.5})]
    for block in range(2, 8):
        for position, name in enumerate(("current", "a", "a", "current")):
            made = run(slot(name, block, position), {"wall": 0.5 if name == "a" else 1.0})
            rows = tuple(row for row in made.measurements if row.metric != "cpu")
            runs.append(replace(made, measurements=rows))
    observed = observe(design(("a",), criteria), runs)
    assert len(observed.guards) == 1
    (finalist,) = finalists(observed)
    assert finalist.state is not State.WON


def test_nothing_is_known_of_no_runs() -> None:
    observed = observe(DESIGN, ())
    assert observed.primary is None
    assert observed.guards == ()
    assert observed.threshold == float("-inf")


@pytest.mark.parametrize("count", [0, 1])
def test_after_complete_blocks_the_next_runs_are_the_next_block(count: int) -> None:
    chosen = design(NAMES, TIME, seed=5)
    assert next_block(chosen, RUNS[:count]) == block_after(chosen, RUNS[:count])
