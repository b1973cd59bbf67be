"""The planner: what a budget holds, told from the first baseline run."""

from collections.abc import Sequence
from math import floor

from heapswap.errors import Misuse
from heapswap.trials.finalists import MOST_BLOCKS, SHARES, USUAL_BLOCKS
from heapswap.trials.model import Design, Plan, Run
from heapswap.trials.statistics import duration
from heapswap.units import format_duration

LEAST_RUNS = 24
"""a warm-up, a baseline and two candidates for screening, and five confirming blocks"""

CONFIRMING_RUNS = 20
"""runs that screening must leave: five blocks of four, the fewest that can show a gain beyond doubt"""

CONFIRMING_SHARE = 0.7
"""part of a larger budget that screening leaves"""

BLOCK_RUNS = 4

NARROWING = 0.66
"""part of the candidates that a screening round passes on"""

FEWEST_TRIED = 4
"""candidates that are tried though each can run only once"""

ROUNDING = 1e-9
"""runs by which a budget made for a number of runs may seem to miss it"""


def fewest_runs(seconds_per_run: float) -> float:
    """Seconds that just hold the fewest runs a verdict can rest on, given what one run takes, its start included."""
    return LEAST_RUNS * seconds_per_run


def smallest_budget(seconds_per_run: float) -> float:
    """The same for a trial that is yet to come, whose runs may take a little longer."""
    return fewest_runs(seconds_per_run) * 1.05


def rounds(candidates: int) -> tuple[int, ...]:
    """Candidates in each screening round: all, then two thirds each time, down to two, twice at least; one has none."""
    if candidates < 2:
        return ()
    sizes = [candidates]
    while sizes[-1] > 2 or len(sizes) < 2:
        sizes.append(max(2, round(sizes[-1] * NARROWING)))
    return tuple(sizes)


def plan(design: Design, first: Run) -> Plan:
    """What the trial will do.

    Raises:
        Misuse: the budget holds fewer than 24 runs; the message names the one that would do.
    """
    each = duration(first)
    names = design.candidates
    if design.budget is None:
        sizes = rounds(len(names))
        blocks = design.blocks or USUAL_BLOCKS
        # One finalist after the other may have to be confirmed, and no budget says that there is no time for it.
        runs = 1 + sum(sizes) + len(sizes) + BLOCK_RUNS * blocks * min(len(SHARES), len(names))
        return Plan(candidates=names, rounds=sizes, blocks=blocks, runs=runs, seconds=runs * each)
    held = floor(design.budget / each + ROUNDING)
    if held < LEAST_RUNS:
        raise Misuse(
            f"one run takes {format_duration(each)}, so the budget of {format_duration(design.budget)} holds {held} "
            f"runs and a verdict needs {LEAST_RUNS}; give --budget {_spelled(smallest_budget(each))} or more"
        )
    screening = held - 1 - max(CONFIRMING_RUNS, round(held * CONFIRMING_SHARE))
    tried = names[: _tried(len(names), screening)]
    sizes = _fitting(rounds(len(tried)), screening)
    used = 1 + sum(sizes) + len(sizes)
    blocks = min((held - used) // BLOCK_RUNS, design.blocks or MOST_BLOCKS)
    runs = used + BLOCK_RUNS * blocks
    return Plan(
        candidates=tried,
        rounds=sizes,
        blocks=blocks,
        runs=runs,
        seconds=runs * each,
        not_tried=tuple(
            (name, f"the budget holds {held} runs; a larger --budget tries it") for name in names[len(tried) :]
        ),
    )


def _tried(candidates: int, runs: int) -> int:
    """How many candidates so many screening runs hold: each once, and the better of them twice.

    One run each tells little where there is noise, so that trying fewer is better; a few are tried in any case.
    """
    if candidates < 2:
        return candidates
    twice = [count for count in range(2, candidates + 1) if sum(rounds(count)[:2]) + 2 <= runs]
    return min(candidates, max([max(min(runs - 1, FEWEST_TRIED), 1), *twice]))


def _fitting(sizes: Sequence[int], runs: int) -> tuple[int, ...]:
    """The rounds that fit in so many runs, each with its baseline run."""
    kept: list[int] = []
    for size in sizes:
        runs -= size + 1
        if runs < 0:
            break
        kept.append(size)
    return tuple(kept)


def _spelled(seconds: float) -> str:
    """A duration as the option is written, rounded up: ``90s``, ``4m``."""
    return f"{-(-seconds // 1):.0f}s" if seconds < 120 else f"{-(-seconds // 60):.0f}m"
