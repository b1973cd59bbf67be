"""Runs that did not work: failures, and output that differs from the baseline's."""

from collections.abc import Mapping, Sequence
from math import comb

from heapswap.trials.model import Outcome, Run
from heapswap.trials.statistics import of

BROKE = (Outcome.FAILED, Outcome.CRASHED, Outcome.TIMED_OUT)

REPEATS = 3
"""blocks in which two baselines must have printed the same before a block's own output is what is expected there"""

BEYOND_CHANCE = 0.01
"""probability below which more bad runs than the baseline's are no accident"""


def outputs(runs: Sequence[Run], baseline: str) -> Mapping[int, list[str]]:
    """What the baseline printed in each block."""
    seen: dict[int, list[str]] = {}
    for run in of(runs, baseline):
        if run.outcome in (Outcome.COMPLETED, Outcome.OTHER_OUTPUT) and run.output:
            seen.setdefault(run.slot.block, []).append(run.output)
    return seen


def is_repeatable(runs: Sequence[Run], baseline: str) -> bool:
    """Whether the output is known to follow from the settings of a block: all alike, or alike within every block."""
    seen = outputs(runs, baseline)
    if len({one for block in seen.values() for one in block}) <= 1:
        return True
    pairs = [block for block in seen.values() if len(block) > 1]
    return len(pairs) >= REPEATS and all(len(set(block)) == 1 for block in pairs)


def expected_outputs(runs: Sequence[Run], baseline: str) -> Mapping[int, str]:
    """The digest that every run of a block has to print; no entry for a block where that cannot be told.

    Seeds are equal within a block and random across blocks: a program that prints a set prints the same within one.
    """
    if not is_repeatable(runs, baseline):
        return {}
    seen = outputs(runs, baseline)
    every = {one for block in seen.values() for one in block}
    if len(every) == 1:
        return dict.fromkeys((run.slot.block for run in runs), *every)
    return {block: printed[0] for block, printed in seen.items()}


def went_wrong(run: Run, expected: Mapping[int, str]) -> bool:
    """Whether a run failed, or printed something else than the baseline would have."""
    wanted = expected.get(run.slot.block, "")
    return run.outcome in BROKE or bool(wanted and run.output and run.output != wanted)


def rarer(bad: int, runs: int, others_bad: int, others: int) -> float:
    """Probability of so many bad runs on this side if both sides were alike (Fisher's exact test, one-sided)."""
    total, all_bad = runs + others, bad + others_bad
    ways = comb(total, all_bad)
    return sum(comb(runs, k) * comb(others, all_bad - k) for k in range(bad, min(runs, all_bad) + 1)) / ways


def trouble(mine: Sequence[Run], base: Sequence[Run], expected: Mapping[int, str]) -> str:
    """Why a candidate is given up, as one clause; empty while it works, or fails no more than the baseline.

    A first failure is repeated once before it counts. `mine` are the candidate's runs, `base` the baseline's, and
    `expected` is what the runs of each block have to print.
    """
    if any(run.outcome is Outcome.NOT_IN_FORCE for run in mine):
        return "its allocator was not in force"
    bad = [run for run in mine if went_wrong(run, expected)]
    if not bad or (len(bad) == 1 and len(mine) == 1):
        return ""
    base_bad = sum(run.outcome in BROKE for run in base)
    if base_bad and rarer(len(bad), len(mine), base_bad, len(base)) > 0.05:
        return ""
    what = "printed something else" if bad[-1].outcome not in BROKE else f"{bad[-1].outcome.value}"
    return f"{what} in {len(bad)} of {len(mine)} runs"


def is_unsafe(mine: Sequence[Run], base: Sequence[Run], expected: Mapping[int, str]) -> bool:
    """Whether it fails, or prints something else, where the baseline does not.

    One bad run alone proves nothing, and a flaky baseline makes nobody unsafe unless the rates differ beyond chance.
    A program whose output changes now and then may by luck have done so under the candidate alone: other output
    counts where every run has it, or more runs than chance allows.
    """
    bad = sum(went_wrong(run, expected) for run in mine)
    broke = sum(run.outcome in BROKE for run in mine)
    base_broke = sum(run.outcome in BROKE for run in base)
    if base_broke:
        return rarer(bad, len(mine), base_broke, len(base)) <= BEYOND_CHANCE
    if len(base) < 2 or bad < 2:
        return False
    return broke >= 2 or bad == len(mine) or rarer(bad, len(mine), 0, len(base)) <= BEYOND_CHANCE
