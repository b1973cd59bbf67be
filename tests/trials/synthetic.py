"""Runs that were never run: for tests of what is decided about runs."""

from collections.abc import Callable, Mapping, Sequence

from heapswap.trials.design import next_block
from heapswap.trials.model import Criteria, Demand, Design, GuardLimit, Measurement, Outcome, Run, Slot
from heapswap.workload import Direction

MIB = 1024 * 1024.0
LEVELS: Mapping[str, tuple[float, str]] = {
    "wall": (1.0, "s"),
    "cpu": (0.9, "s"),
    "peak": (200 * MIB, "B"),
    "idle": (120 * MIB, "B"),
}
TIME = Criteria(
    primary="wall",
    adopt_ratio=0.02,
    guards=(GuardLimit(metric="peak", ratio=0.25, floor=32 * MIB, demand=Demand.HELD),),
)


def run(
    slot: Slot,
    factors: Mapping[str, float] | None = None,
    outcome: Outcome = Outcome.COMPLETED,
    output: str = "sha256:same",
) -> Run:
    """A run whose metrics are the usual levels times given factors."""
    rows = tuple(
        Measurement(metric=name, value=level * (factors or {}).get(name, 1.0), unit=unit, direction=Direction.LESS)
        for name, (level, unit) in LEVELS.items()
    )
    completed = outcome is Outcome.COMPLETED
    return Run(
        slot=slot,
        outcome=outcome,
        exit_status=0 if completed else 1,
        signal=None,
        measurements=rows if completed else (),
        output=output,
    )


def design(
    candidates: Sequence[str], criteria: Criteria = TIME, *, budget: float | None = 126.0, seed: int = 1
) -> Design:
    """A design for so many candidates, each as simple as the next."""
    return Design(
        baseline="current",
        candidates=tuple(candidates),
        criteria=criteria,
        seed=seed,
        budget=budget,
        blocks=None if budget else 11,
        simplicity=(1,) * len(candidates),
    )


def conduct(plan: Design, make: Callable[[Slot, int], Run]) -> tuple[Run, ...]:
    """Run a whole trial; `make` gives the run of a slot, whose number it is told."""
    runs: list[Run] = []
    while block := next_block(plan, runs):
        for slot in block:
            runs.append(make(slot, len(runs)))
    return tuple(runs)
