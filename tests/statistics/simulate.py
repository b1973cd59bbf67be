"""Whole trials against invented machines: planner, screening, confirmation, proof and rules, run by run.

python -m tests.statistics.simulate [--trials 2000] [--json] [SCENARIO ...]
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from heapswap.environment import Environment
from heapswap.errors import Misuse
from heapswap.trials.design import block_after
from heapswap.trials.model import Design, Measurement, Outcome, Run, Slot, Stage, Trial
from heapswap.trials.statistics import STARTING
from heapswap.verdict.evidence import Evidence
from heapswap.verdict.model import Decision
from heapswap.verdict.objective import criteria
from heapswap.verdict.rules import rule
from heapswap.workload import Direction, Workload
from tests.statistics import noise
from tests.statistics.noise import Noise, Numbers

MIB = 1024 * 1024.0
LEVELS = {
    "wall": (1.0, "s"),
    "cpu": (0.9, "s"),
    "peak": (200 * MIB, "B"),
    "mean": (150 * MIB, "B"),
    "idle": (120 * MIB, "B"),
}
CANDIDATES = tuple(f"candidate-{number}" for number in range(12))
SIMPLICITY = (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3)
MOST_RUNS = 120
NOWHERE = Workload(argv=("true",), directory="/")
NO_ENVIRONMENT = Environment(
    heapswap="", python="", kernel="", libc="", machine="", processor="", cores=1, memory=0, page_size=4096,
    transparent_huge_pages="", variables=(),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class World:
    """The truth of one simulated trial, and its noise."""

    true: Numbers
    """cost of each candidate's typical run on the primary metric, baseline 0"""
    objective: str = "time"
    noise: Noise = noise.gaussian
    memory_noise: float = 0.005
    own: Callable[[np.random.Generator, int], Numbers] | None = None
    """further noise of the candidates alone: shape of their runs"""
    position: Numbers = field(default_factory=lambda: np.zeros(64))
    """cost of a place in the block"""
    others: Numbers | None = None
    """cost of each candidate on every other metric"""
    right: frozenset[int] = frozenset()
    """candidates that are right to adopt"""
    usual: float = 1.0
    """mean of the baseline's wall time under this noise, from which a user gives the budget"""
    most: int = MOST_RUNS
    """runs of the baseline that the budget holds"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What one simulated trial came to."""

    outcome: Decision
    candidate: str | None
    rule: str
    runs: int
    is_right: bool
    is_wrong: bool


def play(world: World, seed: int) -> Ending:
    """One whole trial."""
    random = np.random.default_rng(seed)
    length = MOST_RUNS + 80
    primary = "wall" if world.objective in ("time", "balanced") else "cpu" if world.objective == "cpu" else "idle"
    columns = {name: world.noise(random, length) if name in ("wall", "cpu") or name == primary
               else random.normal(0, world.memory_noise, length) for name in LEVELS}  # fmt: skip
    if world.objective in ("time", "balanced", "cpu"):
        shared = columns["wall"]
        columns["cpu"] = 0.9 * shared + random.normal(0, 0.01, length)
    own = world.own(random, length) if world.own else np.zeros(length)
    number = {name: place for place, name in enumerate(CANDIDATES)}
    runs: list[Run] = []

    def measure(slot: Slot) -> None:
        place = len(runs)
        arm = number.get(slot.candidate)
        rows = []
        for name, (level, unit) in LEVELS.items():
            cost = columns[name][place] + (world.position[slot.position] if unit == "s" else 0.0)
            if arm is not None:
                if name == primary or (unit == "s") == (LEVELS[primary][1] == "s"):
                    cost += world.true[arm] + own[place]
                elif world.others is not None:
                    cost += world.others[arm]
            rows.append(
                Measurement(metric=name, value=level * float(np.exp(cost)), unit=unit, direction=Direction.LESS)
            )
        runs.append(
            Run(
                slot=slot,
                outcome=Outcome.COMPLETED,
                exit_status=0,
                signal=None,
                measurements=tuple(rows),
                output="same",
            )
        )

    measure(Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current"))
    design = Design(
        baseline="current",
        candidates=CANDIDATES[: len(world.true)],
        criteria=criteria(world.objective, runs),
        seed=seed,
        budget=world.most * (LEVELS["wall"][0] * world.usual + STARTING),
        simplicity=SIMPLICITY[: len(world.true)],
    )
    try:
        while block := block_after(design, runs):
            for slot in block:
                measure(slot)
    except Misuse:
        # A first run so slow that the budget holds too few: the user is told so, and nothing is answered.
        nothing = Decision.INCONCLUSIVE
        return Ending(outcome=nothing, candidate=None, rule="refused", runs=len(runs), is_right=False, is_wrong=False)
    evidence = Evidence(Trial(workload=NOWHERE, environment=NO_ENVIRONMENT, design=design, runs=tuple(runs)))
    name, ruling = rule(evidence)
    return Ending(
        outcome=ruling.outcome,
        candidate=ruling.candidate,
        rule=name,
        runs=len(runs),
        is_right=ruling.candidate is not None and number[ruling.candidate] in world.right,
        is_wrong=ruling.candidate is not None and number[ruling.candidate] not in world.right,
    )


def equal(noise_model: Noise = noise.gaussian, objective: str = "time") -> Callable[[int], World]:
    return lambda _: World(true=np.zeros(12), noise=noise_model, objective=objective)


def at_threshold(seed: int) -> World:
    return World(true=np.full(12, np.log(0.98)))


def bimodal(share: float, slow: float, gain: float = 0.10) -> Callable[[int], World]:
    """Every candidate gains in most runs, and is much slower in some: its mean is worse."""

    def own(random: np.random.Generator, runs: int) -> Numbers:
        return np.where(random.random(runs) < share, np.log(slow) - np.log(1 - gain), 0.0)

    return lambda _: World(true=np.full(12, np.log(1 - gain)), own=own)


def heavy(seed: int) -> World:
    """Every candidate has a better median and a tail so heavy that the mean is worse."""
    return World(true=np.full(12, np.log(0.90)), own=lambda random, runs: random.normal(0, 0.5, runs))


def positioned(seed: int) -> World:
    """A place in the block costs what the run before it left behind."""
    random = np.random.default_rng(seed + 10**6)
    return World(true=np.zeros(12), position=random.normal(0, 0.1, 64))


def all_noisy(seed: int) -> World:
    return World(
        true=np.zeros(12),
        noise=noise.machine,
        objective=("balanced", "memory", "cpu", "time")[seed % 4],
        memory_noise=0.1,
    )


def one_good(noise_model: Noise, usual: float = 1.0) -> Callable[[int], World]:
    """One candidate of twelve gains ten percent."""

    def world(seed: int) -> World:
        place = int(np.random.default_rng(seed + 10**6).integers(12))
        true = np.zeros(12)
        true[place] = np.log(0.90)
        return World(true=true, noise=noise_model, right=frozenset({place}), usual=usual)

    return world


THREADED_RUNS = 50
"""runs of six seconds in five minutes"""


def _by_luck(random: np.random.Generator, runs: int) -> Numbers:
    """Memory at rest where threads choose their arenas by luck: baseline runs of 357 to 468 MiB, around 421."""
    return random.normal(0, 0.08, runs)


def _few_arenas(random: np.random.Generator, runs: int) -> Numbers:
    """The luck of few arenas: runs of 131 to 370 MiB around 235, where one in seven needs 1.5 times the usual."""
    return random.normal(0, 0.22, runs) + np.where(random.random(runs) < 0.14, np.log(1.5), 0.0)


def threaded(seed: int) -> World:
    """A pool of threads: the first candidate halves its memory at rest, the others give it back for CPU time."""
    true, others = np.full(12, np.log(0.06)), np.full(12, np.log(1.33))
    true[0], others[0] = np.log(0.53), 0.0
    return World(
        true=true,
        others=others,
        objective="memory",
        noise=_by_luck,
        own=_few_arenas,
        right=frozenset({0}),
        most=THREADED_RUNS,
    )


def memory_mode(share: float, slow: float, gain: float, most: int = MOST_RUNS) -> Callable[[int], World]:
    """Every candidate needs less memory in most runs, and so many times as much in some."""

    def own(random: np.random.Generator, runs: int) -> Numbers:
        return np.where(random.random(runs) < share, np.log(slow), 0.0)

    is_better = (1 - gain) * (1 + share * (slow - 1)) < 1
    right = frozenset(range(12)) if is_better else frozenset[int]()
    return lambda _: World(
        true=np.full(12, np.log(1 - gain)), objective="memory", noise=_by_luck, own=own, right=right, most=most
    )


SCENARIOS: dict[str, Callable[[int], World]] = {
    "equal": equal(),
    "threshold": at_threshold,
    "bimodal": bimodal(0.2, 1.7),
    "bimodal-rare": bimodal(0.1, 2.5),
    "heavy-tailed": heavy,
    "bursts": equal(noise.bursts),
    "drift": equal(noise.drift),
    "position": positioned,
    "every-metric": all_noisy,
    "gain": one_good(noise.gaussian),
    "gain-machine": one_good(noise.machine, usual=1.09),
    "threaded": threaded,
    "memory-mild": memory_mode(0.35, 1.6, 0.15),
    "memory-rare": memory_mode(0.15, 3.0, 0.20),
    "memory-half": memory_mode(0.48, 3.0, 0.47),
    "memory-better": memory_mode(0.15, 3.0, 0.47),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One scenario's figures."""

    scenario: str
    trials: int
    adopted: int
    right: int
    wrong: int
    kept: int
    median_runs: float
    most_runs: int
    seconds: float


def simulate(scenario: str, trials: int, jobs: int = 1) -> Line:
    """Play a scenario so many times, each with its own seed; how many processes share the work changes nothing."""
    began = time.monotonic()
    if jobs == 1:
        endings = [ending(scenario, seed) for seed in range(trials)]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            endings = list(pool.map(partial(ending, scenario), range(trials), chunksize=25))
    adopted = [one for one in endings if one.outcome is Decision.ADOPT]
    right = sum(one.is_right and one.runs <= MOST_RUNS for one in adopted)
    return Line(
        scenario=scenario,
        trials=trials,
        adopted=len(adopted),
        right=right,
        wrong=sum(one.is_wrong for one in adopted),
        kept=sum(one.outcome is Decision.KEEP for one in endings),
        median_runs=float(np.median([one.runs for one in endings])),
        most_runs=max(one.runs for one in endings),
        seconds=time.monotonic() - began,
    )


def ending(scenario: str, seed: int) -> Ending:
    """How one trial of a scenario ends."""
    return play(SCENARIOS[scenario](seed), seed)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.statistics.simulate", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: all cores)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    names = options.scenarios or list(SCENARIOS)
    lines = []
    if not options.json:
        print(f"{'scenario':<14}{'trials':>7}{'wrong':>7}{'right':>7}{'keep':>6}{'runs':>6}{'most':>6}{'seconds':>9}")
    for name in names:
        line = simulate(name, options.trials, options.jobs)
        lines.append(line)
        if not options.json:
            print(
                f"{line.scenario:<14}{line.trials:>7}{line.wrong:>7}{line.right:>7}{line.kept:>6}"
                f"{line.median_runs:>6.0f}{line.most_runs:>6}{line.seconds:>9.1f}",
                flush=True,
            )
    if options.json:
        print(json.dumps([{name: getattr(line, name) for name in Line.__slots__} for line in lines]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
