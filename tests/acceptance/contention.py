"""Threads that pass blocks to each other: how much a second client gains under the C library and under a candidate.

The number of runs is fixed before they begin. A pilot tells how much the figure varies from run to run and is then
thrown away; the runs that count are made once, whatever comes out.
"""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean

from heapswap.allocators.activation import activate
from heapswap.allocators.spelling import parse
from heapswap.trials.arms import arm
from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Outcome, Slot, Stage
from heapswap.workload import Level, Service
from tests.acceptance.evidence import Evidence, NoEvidence
from tests.acceptance.line import Result
from tests.acceptance.power import deviation, interval, power, runs_needed

BASELINE, CANDIDATE = "system", "jemalloc"
RATIO = 1.15
"""by which the candidate's gain has to be the larger one to be worth finding"""
PILOT, FEWEST, MOST = 6, 8, 30
"""runs of each; one takes 5 s"""
SEED = 1

Gains = dict[str, list[float]]
"""logarithms of throughput with two clients over that with one, of each run"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The service, and what loads it."""

    start: Sequence[str]
    load: Sequence[str]

    def gains(self, evidence: Evidence, name: str, runs: int) -> Gains:
        """So many runs of each in random pairs.

        Raises:
            NoEvidence: one did not complete.
        """
        found: Gains = {BASELINE: [], CANDIDATE: []}
        order = random.Random(f"{SEED} {name}")
        with LaunchExecutor() as executor:
            for pair in range(runs):
                for place, who in enumerate(order.sample((BASELINE, CANDIDATE), 2)):
                    slot = Slot(stage=Stage.CONFIRMING, block=pair, position=place, candidate=who)
                    run = executor.execute(self.order(evidence, name, slot))
                    if run.outcome is not Outcome.COMPLETED:
                        raise NoEvidence(f"{who}: {run.outcome}; {run.log[-300:]}")
                    one, two = (step.value("throughput") or 0.0 for step in run.steps)
                    found[who].append(log(two / one))
        return found

    def order(self, evidence: Evidence, name: str, slot: Slot) -> Order:
        """One run: two seconds of each load, and nothing else that takes time."""
        under = arm(activate(parse(slot.candidate)), dict(os.environ))
        return Order(
            slot=slot,
            program=self.start[0],
            argv=tuple(self.start),
            environ=under.environ,
            directory=str(evidence.folder),
            stdin=os.devnull,
            timeout=None,
            accepted=(0,),
            metrics=(),
            folder=evidence.folder / f"{name}-{slot.block}-{slot.position}",
            expected=under.expected,
            service=Service(
                load=tuple(self.load),
                levels=(Level(concurrency=1), Level(concurrency=2)),
                duration=2.0,
                warmup=0.0,
                rest=0.1,
            ),
            outside=dict(os.environ),
        )


def contention(evidence: Evidence, start: Sequence[str], load: Sequence[str]) -> Result:
    """The gains of both with their 95 % intervals, and whether these are apart."""
    contest = Contest(start=start, load=load)
    pilot = contest.gains(evidence, "pilot", PILOT)
    spread = [deviation(pilot[who]) for who in (BASELINE, CANDIDATE)]
    runs = runs_needed(*spread, ratio=RATIO, fewest=FEWEST, most=MOST)
    planned = power(*spread, ratio=RATIO, runs=runs)
    return judged(contest.gains(evidence, "contend", runs), f"{runs} runs of each, planned power {planned:.0%}")


def judged(gains: Gains, how: str) -> Result:
    """Two groups of runs."""
    limits = {who: interval(values) for who, values in gains.items()}
    told = (
        f"{who} {exp(fmean(values)):.2f} ({exp(limits[who][0]):.2f} to {exp(limits[who][1]):.2f})"
        for who, values in gains.items()
    )
    return Result(figure=f"{'; '.join(told)}; {how}", held=limits[CANDIDATE][0] > limits[BASELINE][1])
