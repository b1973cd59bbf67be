"""How often planner, screening and confirmation together answer wrongly, and how often they find what is there."""

import sys
from collections.abc import Callable
from typing import Any

from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result

TRIALS = 2000
WRONG_ADOPTS = 12


def simulated(evidence: Evidence, scenario: str) -> dict[str, Any]:
    """What came out of `TRIALS` trials of one scenario."""
    argv = [sys.executable, "-m", "tests.statistics.simulate", "--trials", str(TRIALS), "--json", scenario]
    (row,) = evidence.json(scenario, argv, timeout=3 * 3600)
    return dict(row)


def few_wrong(scenario: str) -> Callable[[Evidence], Result]:
    """At most `WRONG_ADOPTS` of the trials adopt what must not be adopted."""

    def line(evidence: Evidence) -> Result:
        row = simulated(evidence, scenario)
        wrong, trials = row["wrong"], row["trials"]
        return Result(
            figure=f"{wrong} wrong adopts in {trials:,} trials; {row['kept']:,} kept",
            held=trials >= TRIALS and wrong <= WRONG_ADOPTS,
        )

    return line


def mostly_right(scenario: str, share: float) -> Callable[[Evidence], Result]:
    """At least `share` of the trials adopt what is right to adopt; one that takes more than 120 runs does not count."""

    def line(evidence: Evidence) -> Result:
        row = simulated(evidence, scenario)
        right = row["right"] / row["trials"]
        return Result(
            figure=f"{right:.1%} right adopts, {row['wrong']} wrong, in {row['trials']:,} trials; "
            f"{row['median_runs']:.0f} runs, at most {row['most_runs']}",
            held=row["trials"] >= TRIALS and right >= share,
        )

    return line


LINES = (
    *(
        Line(promise=f"{said}: at most {WRONG_ADOPTS} wrong adopts in {TRIALS:,}", measure=few_wrong(scenario))
        for scenario, said in {
            "equal": "all candidates equal",
            "threshold": "all exactly at the threshold",
            "bimodal": "a bimodal candidate whose mean is worse",
            "bimodal-rare": "a candidate that is seldom, and then much, slower",
            "heavy-tailed": "a heavier-tailed candidate whose mean is worse",
            "bursts": "additive bursts",
            "drift": "drift with autocorrelation",
            "position": "an effect of the position in the block",
            "every-metric": "every metric at once",
            "memory-mild": "memory less by 15 %, and 1.6 times the usual in 35 % of the runs: the mean is worse",
            "memory-rare": "memory less by 20 %, and three times the usual in 15 % of the runs: the mean is worse",
            "memory-half": "memory less by 47 %, and three times the usual in 48 % of the runs: the mean is worse",
        }.items()
    ),
    Line(
        promise="a true 10 % effect at 5 % noise: right adopt in 90 % of trials, in at most 120 runs",
        measure=mostly_right("gain", 0.90),
    ),
    Line(
        promise="a true 10 % effect under noise like the machine's: right adopt in 60 % of trials",
        measure=mostly_right("gain-machine", 0.60),
    ),
    Line(
        promise="half the memory, with a slow mode of 1.5 times the usual: right adopt in 35 % of trials of 50 runs",
        measure=mostly_right("threaded", 0.35),
    ),
    Line(
        promise="memory less by 47 %, three times as much in 15 % of the runs, the mean better: adopt in 60 %",
        measure=mostly_right("memory-better", 0.60),
    ),
)
