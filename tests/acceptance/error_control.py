"""How often planner, screening and confirmation together answer wrongly, and how often they find what is there."""

import sys
from collections.abc import Callable
from typing import Any

from tests.acceptance.evidence import Evidence, NoEvidence
from tests.acceptance.line import Line, Result

TRIALS = 2000
WRONG_ADOPTS = 12


def simulated(evidence: Evidence, scenario: str) -> dict[str, Any]:
    """What came out of `TRIALS` trials of one scenario."""
    argv = [sys.executable, "-m", "tests.statistics.simulate", "--trials", str(TRIALS), "--json"]
    table = evidence.json("simulate", argv, timeout=6 * 3600)
    if scenario not in table:
        raise NoEvidence(f"the simulation has no scenario {scenario}, only {', '.join(table)}")
    row: dict[str, Any] = table[scenario]
    return row


def few_wrong(scenario: str) -> Callable[[Evidence], Result]:
    """At most `WRONG_ADOPTS` of the trials adopt what must not be adopted."""

    def line(evidence: Evidence) -> Result:
        row = simulated(evidence, scenario)
        wrong, trials = row["wrong_adopts"], row["trials"]
        return Result(
            figure=f"{wrong} wrong adopts in {trials:,} trials", held=trials >= TRIALS and wrong <= WRONG_ADOPTS
        )

    return line


def mostly_right(scenario: str, share: float, runs: int | None = None) -> Callable[[Evidence], Result]:
    """At least `share` of the trials adopt a candidate within two points of the best, in at most `runs` runs."""

    def line(evidence: Evidence) -> Result:
        row = simulated(evidence, scenario)
        right = row["right_adopts"] / row["trials"]
        return Result(
            figure=f"{right:.1%} right adopts of {row['trials']:,} trials, {row['runs']:.0f} runs",
            held=row["trials"] >= TRIALS and right >= share and (runs is None or row["runs"] <= runs),
        )

    return line


LINES = (
    *(
        Line(promise=f"{said}: at most {WRONG_ADOPTS} wrong adopts in {TRIALS:,}", measure=few_wrong(scenario))
        for scenario, said in {
            "equal": "all candidates equal",
            "threshold": "all exactly at the threshold",
            "bimodal": "a bimodal candidate whose mean is worse",
            "heavy-tailed": "a heavier-tailed candidate whose mean is worse",
            "bursts": "additive bursts",
            "drift": "drift with autocorrelation",
            "position": "an effect of the position in the block",
            "every-metric": "every metric at once",
        }.items()
    ),
    Line(
        promise="a true 10 % effect at 5 % noise: 90 % right adopts in 120 runs", measure=mostly_right("ten", 0.9, 120)
    ),
    Line(promise="a true 10 % effect under noise like the machine's: 60 % right", measure=mostly_right("machine", 0.6)),
)
