"""Runs that did not work: what another output says, and what it does not."""

from collections.abc import Mapping, Sequence

from heapswap.trials.model import Outcome, Run, Slot, Stage
from heapswap.trials.statistics import of
from heapswap.trials.trouble import expected_outputs, is_repeatable, is_unsafe, trouble
from tests.trials.synthetic import run

Block = tuple[Sequence[str], Sequence[str]]
"""What the baseline's runs of a block printed, and what the candidate's did."""


def trial(*blocks: Block) -> tuple[Run, ...]:
    return tuple(
        run(Slot(stage=Stage.CONFIRMING, block=number, position=place, candidate=name), output=printed)
        for number, (baseline, candidate) in enumerate(blocks)
        for place, (name, printed) in enumerate(
            [*(("current", one) for one in baseline), *(("library", one) for one in candidate)]
        )
    )


def sides(runs: Sequence[Run]) -> tuple[Sequence[Run], Sequence[Run], Mapping[int, str]]:
    """The candidate's runs, the baseline's, and what has to be printed."""
    return of(runs, "library"), of(runs, "current"), expected_outputs(runs, "current")


def test_an_output_that_never_changes_is_expected_everywhere() -> None:
    runs = trial(("a", ""), ("aa", "aa"), ("", "a"))
    assert expected_outputs(runs, "current") == {0: "a", 1: "a", 2: "a"}
    assert not trouble(*sides(runs))


def test_a_set_printed_under_another_hash_seed_is_compared_within_its_block() -> None:
    runs = trial(*((one * 2, one * 2) for one in "abcd"))
    assert is_repeatable(runs, "current")
    assert expected_outputs(runs, "current") == {0: "a", 1: "b", 2: "c", 3: "d"}
    assert not trouble(*sides(runs))
    assert not is_unsafe(*sides(runs))


def test_another_output_than_the_blocks_own_is_unsafe_though_blocks_differ() -> None:
    runs = trial(*((one * 2, "zz") for one in "abcd"))
    assert trouble(*sides(runs)) == "printed something else in 8 of 8 runs"
    assert is_unsafe(*sides(runs))


def test_outputs_that_differ_within_a_block_say_nothing() -> None:
    runs = trial(("aa", "zz"), ("bb", "zz"), ("cc", "zz"), ("dx", "zz"))
    assert not is_repeatable(runs, "current")
    assert not trouble(*sides(runs))
    assert not is_unsafe(*sides(runs))


def test_blocks_that_differ_say_nothing_until_enough_pairs_agree() -> None:
    runs = trial(("a", "z"), ("bb", "zz"), ("cc", "zz"))
    assert expected_outputs(runs, "current") == {}
    assert not is_unsafe(*sides(runs))


def test_one_other_output_of_a_program_that_happened_to_agree_is_not_unsafe() -> None:
    runs = trial(("aa", "az"))
    assert trouble(*sides(runs))
    assert not is_unsafe(*sides(runs))
    assert not is_unsafe(*sides(trial(("aa", "az"), ("aa", "az"))))


def test_other_output_in_every_run_is_unsafe() -> None:
    assert is_unsafe(*sides(trial(("aa", "zz"))))


def test_other_output_in_more_runs_than_chance_allows_is_unsafe() -> None:
    runs = trial(*[("aa", "az")] * 6)
    assert is_unsafe(*sides(runs))


def test_two_crashes_are_unsafe_beside_runs_that_worked() -> None:
    worked = trial(*[("aa", "aa")] * 4)
    crashed = tuple(
        run(Slot(stage=Stage.CONFIRMING, block=9, position=place, candidate="library"), outcome=Outcome.CRASHED)
        for place in range(2)
    )
    assert not is_unsafe(*sides((*worked, crashed[0])))
    assert is_unsafe(*sides((*worked, *crashed)))
