"""The life of a service: start, ready, warm-up, the ramp and a rest for every cycle, stop.

The service runs under one launcher and what loads it under another, so that each tree is watched, and ended, alone.
Whatever happens is an outcome: where the service ends early, does not get ready or cannot be loaded, what was measured
until then stays.
"""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heapswap.filling import filled_words
from heapswap.trials import record
from heapswap.trials.model import Measurement, Outcome, Pause, Step
from heapswap.trials.output import read_metrics
from heapswap.trials.services import readers
from heapswap.trials.services.readiness import wait_until_ready
from heapswap.trials.services.trees import Done, Failure, Helper, Over, Tree, how
from heapswap.workload import Level, Metric, Service, Stop

PATIENCE = 60.0
"""seconds, and at least ten times its duration: a load that takes longer is ended"""
MANY_ERRORS = 0.01
"""part of the requests of a step that may fail"""
_TICKS = 100
"""a second, in /proc/stat"""


def nothing_counts() -> int | None:
    """Live bytes of a run that nothing counts in."""
    return None


@dataclass(slots=True, kw_only=True)
class Life:
    """What became of one service, as far as it got."""

    steps: list[Step] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the life of one service needs."""

    service: Service
    metrics: tuple[Metric, ...]
    tree: Tree
    helper: Helper
    values: dict[str, str]
    """of ``{port}`` and ``{folder}``"""
    logs: tuple[Path, ...]
    """the service's output and standard error"""
    timeout: float | None
    """seconds of one load; None: `PATIENCE`"""
    live: Callable[[], int | None] = nothing_counts
    """bytes that the service has allocated and not freed, where something counts them"""
    small: Callable[[], int | None] = nothing_counts
    """bytes in use in Python's own arenas, likewise"""


def lived(setting: Setting) -> tuple[Life, record.Ended]:
    """See the service through its life: it has been started, and is ended at the end.

    Raises:
        CannotGoOn: what loads it is not there, or the launcher is gone.
    """
    life = Life()
    stop = setting.service.stop
    number = number_of(stop)
    try:
        _serve(setting, life)
    except Over as over:
        life.failure = over.failure
    asked = setting.tree.end is None
    ended = setting.tree.stopped(number, stop.grace)
    if life.failure is None and asked and ended.signal == signal.SIGKILL and number != signal.SIGKILL:
        life.failure = Failure(
            outcome=Outcome.TIMED_OUT,
            code="service-not-stopped",
            seen=f"the service did not end within {stop.grace:g} s of SIG{stop.signal}, and was killed",
            remedy="give another signal or a longer grace with [stop]",
        )
    return life, ended


def ended_well(ended: record.Ended, stop: Stop, accepted: Sequence[int]) -> bool:
    """Whether a service that was told to stop did: by that signal, its status in a shell, or an accepted one."""
    number = number_of(stop)
    if ended.signal is not None:
        return ended.signal == number
    return ended.exit in (*accepted, 128 + number)


def number_of(stop: Stop) -> int:
    """The number of the signal that stops a service."""
    return signal.Signals[f"SIG{stop.signal}"].value


def _serve(setting: Setting, life: Life) -> None:
    service, tree = setting.service, setting.tree
    wait_until_ready(service.ready, tree, setting.helper, setting.values, setting.logs)
    if service.warmup > 0:
        _load(setting, service.levels[0], service.warmup, "warm-up", "while it was warmed up")
    for cycle in range(service.cycles):
        for place, level in enumerate(service.levels):
            number = f"step {place + 1} of {len(service.levels)}"
            cycles = f", cycle {cycle + 1}" if service.cycles > 1 else ""
            life.steps.append(_step(setting, level, cycle, f"in {number} (concurrency {level.concurrency}{cycles})"))
        life.pauses.append(_pause(setting, cycle))


def _step(setting: Setting, level: Level, cycle: int, when: str) -> Step:
    before, busy = setting.tree.mark("load", when), machine_busy()
    name = f"load-{cycle}-{level.concurrency}-{level.rate or 0:g}"
    done, rows = _load(setting, level, setting.service.duration, name, when)
    after = setting.tree.mark("loaded", when)
    step = Step(
        concurrency=level.concurrency,
        rate=level.rate if setting.service.is_paced else None,
        cycle=cycle,
        started=before.at,
        ended=after.at,
        cpu=after.cpu - before.cpu,
        load_cpu=done.ended.user + done.ended.system,
        waiting=_over(done.service_waiting, after.at - before.at),
        load_waiting=_over(done.waiting, after.at - before.at),
        busy=machine_busy() - busy,
        resident=after.resident,
        metrics=tuple(rows),
    )
    errors, requests = step.value("errors") or 0.0, step.value("requests") or 0.0
    if errors and errors > MANY_ERRORS * max(requests, errors):
        raise Over(
            Failure(
                outcome=Outcome.FAILED,
                code="load-errors",
                seen=f"{errors:.0f} of {max(requests, errors):.0f} requests failed {when}",
                remedy="see what the service logged, and what loads it printed, in the results folder",
            )
        )
    return step


def _over(share: float | None, length: float) -> float | None:
    return None if share is None else share * length


def _load(setting: Setting, level: Level, duration: float, name: str, when: str) -> tuple[Done, list[Measurement]]:
    """Run the load once at a level.

    Raises:
        Over: the service ended, or the load did not end in time or failed.
    """
    words = filled_words(setting.service.load, {**setting.values, **filling(level, duration)})
    timeout = setting.timeout or max(PATIENCE, 10 * duration)
    done = setting.helper.run(words, name, timeout, setting.tree, when)
    ended, out, err = done.ended, done.out, done.err
    if ended.timed_out or ended.exit != 0:
        setting.tree.must_run(when)
        raise Over(
            Failure(
                outcome=Outcome.TIMED_OUT if ended.timed_out else Outcome.FAILED,
                code="load-failed",
                seen=f"the load ({words[0]}) {how(ended)} {when}",
                remedy="run it by hand against the service; its output is in the results folder",
                log=err if err.stat().st_size else out,
            )
        )
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in (out, err))
    text = next((text for text in texts if text.strip()), "")
    rows = {row.metric: row for row in readers.read(setting.service.reader, text)}
    own, _ = read_metrics(setting.metrics, (out, err))
    rows |= {row.metric: _in_a_step(row) for row in own}
    return done, list(rows.values())


def _pause(setting: Setting, cycle: int) -> Pause:
    rest = setting.service.rest
    when = f"after the load, within {rest:g} s at rest"
    begun = setting.tree.mark("rest", when)
    setting.tree.must_run(when, rest)
    seen = setting.tree.mark("rested", when)
    return Pause(
        cycle=cycle,
        at=seen.at,
        length=seen.at - begun.at,
        resident=seen.resident,
        live=setting.live(),
        processes=seen.processes,
        small=setting.small(),
    )


def filling(level: Level, duration: float) -> dict[str, str]:
    """What a load's places stand for at a level; a rate and a duration are whole where they can be."""
    return {
        "concurrency": str(level.concurrency),
        "rate": "" if level.rate is None else f"{level.rate:g}",
        "duration": f"{duration:g}",
    }


def machine_busy() -> float:
    """CPU seconds that this machine has worked since it was started, all cores; 0.0 where the kernel does not tell."""
    try:
        words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, softirq = map(int, words[1:8])
    return (user + nice + system + irq + softirq) / _TICKS


def _in_a_step(row: Measurement) -> Measurement:
    return Measurement(metric=row.metric, value=row.value, unit=row.unit, direction=row.direction, phase=readers.PHASE)
