"""Trials of services that were never run: ramps and pauses as a model of the service says."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from heapswap.environment import Environment
from heapswap.trials.model import Design, Measurement, Pause, Run, Slot, Step, Trial
from heapswap.workload import Direction, Level, Service, Workload
from tests.trials.synthetic import conduct, design
from tests.trials.synthetic import run as plain

LEVELS = (1, 2, 4, 8)


def environment(cores: int, variables: Mapping[str, str] | None = None) -> Environment:
    return Environment(
        heapswap="0",
        python="3.11",
        kernel="6",
        libc="glibc 2.36",
        machine="x86_64",
        processor="",
        cores=cores,
        memory=1 << 33,
        page_size=4096,
        transparent_huge_pages="",
        variables=tuple((variables or {}).items()),
    )


def step(level: int, throughput: float, *, rate: float | None = None, cycle: int = 0) -> Step:
    """A second of load by a generator that needs little, of a service that keeps a core busy."""
    rows = {
        "throughput": (throughput, "1/s", Direction.MORE),
        "latency_mean": (1000 * level / throughput, "ms", Direction.LESS),
        "latency_p50": (1000 * level / throughput, "ms", Direction.LESS),
        "latency_p99": (2000 * level / throughput, "ms", Direction.LESS),
    }
    return Step(
        concurrency=level,
        rate=rate,
        cycle=cycle,
        started=0.0,
        ended=1.0,
        cpu=1.0,
        load_cpu=0.2,
        busy=1.3,
        resident=50 << 20,
        metrics=tuple(
            Measurement(metric=name, value=value, unit=unit, direction=direction, phase="step")
            for name, (value, unit, direction) in rows.items()
        ),
    )


def trial(
    throughput: Callable[[str, int], float],
    *,
    candidates: tuple[str, ...] = ("jemalloc",),
    levels: tuple[int, ...] = LEVELS,
    cores: int = 8,
    noise: float = 0.03,
    plan: Design | None = None,
) -> Trial:
    """A whole trial in which a candidate has this throughput at a level, times noise."""
    random = np.random.default_rng(3)

    def make(slot: Slot, _: int) -> Run:
        steps = (step(n, throughput(slot.candidate, n) * float(np.exp(random.normal(0, noise)))) for n in levels)
        return replace(plain(slot, {"wall": float(np.exp(random.normal(0, noise)))}), steps=tuple(steps))

    chosen = plan or design(candidates, budget=None)
    return of(chosen, conduct(chosen, make), cores=cores, levels=levels)


def of(
    plan: Design,
    runs: tuple[Run, ...],
    *,
    cores: int = 8,
    levels: tuple[int, ...] = LEVELS,
    cycles: int = 1,
    variables: Mapping[str, str] | None = None,
) -> Trial:
    service = Service(load=("load",), levels=tuple(Level(concurrency=n) for n in levels), cycles=cycles)
    return Trial(
        workload=Workload(argv=("service",), directory="/", service=service),
        environment=environment(cores, variables),
        design=plan,
        runs=runs,
    )


def pauses(resident: list[float], live: list[float] | None) -> tuple[Pause, ...]:
    """One a cycle, bytes."""
    return tuple(
        Pause(
            cycle=cycle,
            at=float(cycle),
            length=1.0,
            resident=int(value),
            live=None if live is None else int(live[cycle]),
        )
        for cycle, value in enumerate(resident)
    )
