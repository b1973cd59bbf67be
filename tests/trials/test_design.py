"""The design: deterministic, resumable, within its budget, and fair in the order of runs."""

from collections import Counter
from functools import partial
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.errors import Misuse
from heapswap.trials.design import OVERRUN, next_block, perturbation, progress, shuffled
from heapswap.trials.model import Criteria, Demand, Design, GuardLimit, Outcome, Run, Slot, Stage
from heapswap.trials.planner import plan, rounds, smallest_budget
from heapswap.trials.statistics import duration
from tests.trials.synthetic import conduct, design, run

NAMES = tuple("abcdefghijkl")

few = settings(max_examples=50)
"""Fewer examples than usual, where each of them is dear."""


def wobble(slot: Slot, number: int, *, gain: str = "c", ratio: float = 0.8) -> Run:
    """Runs that differ by up to two percent, one candidate faster."""
    noise = 1 + ((number * 7919) % 41 - 20) / 1000
    return run(slot, {"wall": noise * (ratio if slot.candidate == gain else 1.0)})


def test_the_first_run_is_one_warm_up_of_the_baseline() -> None:
    (slot,) = next_block(design(NAMES), ())
    assert slot == Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current")


@few
@given(seed=st.integers(0, 2**32))
def test_the_same_design_and_runs_give_the_same_trial(seed: int) -> None:
    again = [conduct(design(NAMES[:3], seed=seed), wobble) for _ in range(2)]
    assert again[0] == again[1]


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), data=st.data())
def test_a_trial_that_was_cut_anywhere_goes_on_as_if_it_had_not(seed: int, data: st.DataObject) -> None:
    chosen = design(NAMES[:4], seed=seed)
    whole = conduct(chosen, wobble)
    cut = data.draw(st.integers(1, len(whole) - 1))
    rest = next_block(chosen, whole[:cut])
    assert rest == tuple(one.slot for one in whole[cut : cut + len(rest)])
    assert rest


def test_every_confirming_block_holds_two_runs_of_each_side() -> None:
    runs = conduct(design(NAMES), wobble)
    blocks = {one.slot.block for one in runs if one.slot.stage is Stage.CONFIRMING}
    assert len(blocks) >= 5
    for block in blocks:
        members = Counter(one.slot.candidate for one in runs if one.slot.block == block)
        assert members["current"] == 2
        assert set(members.values()) == {2}


def test_the_six_arrangements_are_equally_frequent() -> None:
    seen: Counter[tuple[int, ...]] = Counter()
    for seed in range(6000):
        order = shuffled(("current", "a") * 2, seed, 7)
        seen[tuple(place for place, name in enumerate(order) if name == "a")] += 1
    assert set(seen) == set(combinations(range(4), 2))
    # A chi-square of five degrees of freedom is above 25.7 with a probability of 0.0001.
    assert sum((count - 1000) ** 2 / 1000 for count in seen.values()) < 25.7


def test_a_candidate_that_gains_becomes_a_finalist_and_ends_the_trial() -> None:
    runs = conduct(design(NAMES), wobble)
    finals = {one.slot.candidate for one in runs if one.slot.stage is Stage.CONFIRMING} - {"current"}
    assert finals == {"c"}


@pytest.mark.parametrize("budget", [30.0, 60.0, 126.0, 500.0])
def test_a_trial_keeps_to_its_budget(budget: float) -> None:
    runs = conduct(design(NAMES, budget=budget), wobble)
    assert sum(duration(one) for one in runs) <= budget * 1.05


def test_the_last_proving_block_holds_as_many_runs_as_the_budget_does() -> None:
    budget = 56.0
    runs = conduct(design(NAMES[:3], budget=budget), partial(wobble, ratio=0.85))
    sizes = Counter(one.slot.block for one in runs if one.slot.stage is Stage.PROVING)
    assert max(sizes.values()) == 6
    assert 2 <= sizes[max(sizes)] < 6
    left = budget * OVERRUN - sum(duration(one) for one in runs)
    assert left < duration(runs[0]) + min(map(duration, runs))


def test_a_candidate_seven_times_slower_does_not_eat_the_budget() -> None:
    def make(slot: Slot, number: int) -> Run:
        return run(slot, {"wall": 7.0}) if slot.candidate == "b" else wobble(slot, number)

    runs = conduct(design(NAMES), make)
    assert sum(one.slot.candidate == "b" for one in runs) == 1
    assert any(one.slot.candidate == "c" and one.slot.stage is Stage.CONFIRMING for one in runs)


def test_a_candidate_that_fails_is_repeated_once_and_given_up() -> None:
    def make(slot: Slot, number: int) -> Run:
        return run(slot, outcome=Outcome.CRASHED) if slot.candidate == "c" else wobble(slot, number)

    runs = conduct(design(NAMES), make)
    assert sum(one.slot.candidate == "c" for one in runs) == 2


def test_a_candidate_that_is_not_in_force_is_given_up_at_once() -> None:
    def make(slot: Slot, number: int) -> Run:
        return run(slot, outcome=Outcome.NOT_IN_FORCE) if slot.candidate == "c" else wobble(slot, number)

    assert sum(one.slot.candidate == "c" for one in conduct(design(NAMES), make)) == 1


def test_a_candidate_whose_guard_is_broken_is_no_finalist() -> None:
    def make(slot: Slot, number: int) -> Run:
        if slot.candidate == "d":
            return run(slot, {"wall": 0.5, "peak": 1.6 + number / 1e5})
        return wobble(slot, number)

    runs = conduct(design(NAMES), make)
    finals = {one.slot.candidate for one in runs if one.slot.stage is Stage.CONFIRMING} - {"current"}
    assert finals == {"c"}
    assert sum(one.slot.candidate == "d" for one in runs) == 2


def test_one_lucky_run_makes_no_finalist() -> None:
    """Idle memory of a threaded program scatters by luck; a budget that holds two runs each must not trust one."""
    random = np.random.default_rng(3)
    rules = Criteria(primary="idle", adopt_ratio=0.10)

    def make(slot: Slot, number: int) -> Run:
        usual = {"d": 0.6}.get(slot.candidate, 1.0)
        lucky = slot.candidate == "h" and slot.block == 1
        return run(slot, {"idle": 0.4 if lucky else usual * float(np.exp(random.normal(0, 0.15)))})

    runs = conduct(design(NAMES, rules, budget=240.0), make)
    first = next(one.slot.block for one in runs if one.slot.stage is Stage.CONFIRMING)
    screened = Counter(one.slot.candidate for one in runs if one.slot.block < first)
    finals = [one.slot.candidate for one in runs if one.slot.stage is Stage.CONFIRMING]
    assert "d" in finals
    assert screened["d"] >= 2


def test_beside_a_leader_whose_guard_is_in_doubt_enters_one_whose_guards_hold() -> None:
    rules = Criteria(
        primary="idle",
        adopt_ratio=0.10,
        guards=(GuardLimit(metric="cpu", ratio=0.15, demand=Demand.NOT_BROKEN),),
    )
    random = np.random.default_rng(5)

    def make(slot: Slot, number: int) -> Run:
        idle, cpu = {"c": (0.1, 1.14), "g": (0.5, 1.0)}.get(slot.candidate, (1.0, 1.0))
        return run(slot, {"idle": idle, "cpu": cpu * float(np.exp(random.normal(0, 0.02)))})

    runs = conduct(design(NAMES, rules), make)
    first = next(one.slot.block for one in runs if one.slot.stage is Stage.CONFIRMING)
    assert {one.slot.candidate for one in runs if one.slot.block == first} == {"current", "c", "g"}


@pytest.mark.parametrize("seed", range(5))
def test_a_smaller_gain_whose_guards_hold_is_not_screened_out_by_larger_ones_that_break_them(seed: int) -> None:
    rules = Criteria(
        primary="idle",
        adopt_ratio=0.10,
        guards=(GuardLimit(metric="cpu", ratio=0.15, demand=Demand.NOT_BROKEN),),
    )
    random = np.random.default_rng(seed)

    def make(slot: Slot, number: int) -> Run:
        idle, cpu = (0.55, 1.02) if slot.candidate == "g" else (0.1, 1.4)
        if slot.candidate == "current":
            idle, cpu = 1.0, 1.0
        return run(slot, {"idle": idle, "cpu": cpu * float(np.exp(random.normal(0, 0.05)))})

    runs = conduct(design(NAMES, rules), make)
    assert "g" in {one.slot.candidate for one in runs if one.slot.stage is Stage.CONFIRMING}


def test_where_nothing_gains_the_rest_of_the_budget_narrows_what_is_not_excluded() -> None:
    runs = conduct(design(NAMES), lambda slot, number: wobble(slot, number, ratio=1.0))
    assert min(Counter(one.slot.candidate for one in runs).values()) >= 2
    assert sum(duration(one) for one in runs) <= 126.0 * OVERRUN


def test_a_small_budget_tries_fewer_candidates_twice() -> None:
    first = run(Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current"))
    made = plan(design(NAMES, budget=44 * duration(first) + 1e-6), first)
    assert made.candidates == NAMES[:6]
    assert made.rounds == (6, 4)
    assert [name for name, _ in made.not_tried] == list(NAMES[6:])


def test_one_candidate_needs_no_screening() -> None:
    runs = conduct(design(("c",)), wobble)
    assert not any(one.slot.stage is Stage.SCREENING for one in runs)


def test_a_budget_too_small_names_the_one_that_would_do() -> None:
    first = run(Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current"))
    with pytest.raises(Misuse, match="give --budget 27s or more"):
        plan(design(NAMES, budget=20.0), first)
    assert smallest_budget(duration(first)) <= 27


@few
@given(st.integers(24, 400))
def test_a_plan_leaves_twenty_runs_for_confirmation(held: int) -> None:
    first = run(Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current"))
    made = plan(design(NAMES, budget=held * duration(first) + 1e-6), first)
    assert made.blocks >= 5
    assert made.runs <= held
    assert made.candidates == NAMES[: len(made.candidates)]
    assert len(made.candidates) + len(made.not_tried) == len(NAMES)


@pytest.mark.parametrize("names", [NAMES[:1], NAMES[:2], NAMES[:5]])
def test_a_trial_without_a_budget_or_a_gain_makes_no_more_runs_than_it_announces(names: tuple[str, ...]) -> None:
    chosen = design(names, budget=None)
    runs = conduct(chosen, partial(wobble, gain="nobody"))
    announced = plan(chosen, runs[0]).runs
    assert len(runs) <= announced
    assert progress(chosen, runs[:5], running=runs[5].slot).expected == announced


@few
@given(st.integers(0, 40))
def test_rounds_narrow_down_to_two(count: int) -> None:
    sizes = rounds(count)
    assert list(sizes) == sorted(sizes, reverse=True)
    if count >= 2:
        assert len(sizes) >= 2
        assert sizes[0] == count
        assert sizes[-1] == 2


@few
@given(seed=st.integers(0, 2**63), block=st.integers(0, 10_000))
def test_a_perturbation_is_a_valid_setting(seed: int, block: int) -> None:
    made = perturbation(seed, block)
    assert made == perturbation(seed, block)
    environ = made.applied({"HOME": "/"})
    assert 1 <= int(environ["PYTHONHASHSEED"]) <= 4_294_967_295
    assert len(environ["HEAPSWAP_PADDING"]) == made.padding < 4096


def test_perturbations_differ_between_blocks_and_leave_a_seed_of_the_user_alone() -> None:
    assert len({perturbation(1, block) for block in range(50)}) == 50
    assert perturbation(1, 1).applied({"PYTHONHASHSEED": "0"})["PYTHONHASHSEED"] == "0"


def test_progress_names_the_leader_with_its_interval() -> None:
    chosen: Design = design(NAMES)
    runs = conduct(chosen, wobble)
    early, late = progress(chosen, runs[:14]), progress(chosen, runs)
    assert early.leader == "c"
    assert early.expected >= early.done == 14
    assert late.leader == "c"
    assert late.done == late.expected == len(runs)
    assert late.low is not None
    assert late.high is not None
    assert late.low <= -0.19 <= late.high
