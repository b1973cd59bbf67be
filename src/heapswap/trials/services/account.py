"""From the steps and pauses of a service to the rows that are compared. Pure.

How several steps become one decision: *throughput* is that of the last level of the ramp, the highest that every run
climbed (one that ended earlier did not complete, and is compared by its outcome). *Latencies* are those of the same
level, and only where the load came at a given rate: a closed loop asks less of a slower service, so that its latencies
are shown with the steps and decide nothing. *CPU per request* is over all levels. *Memory* is the peak of the whole
run, and at rest after the last cycle. With several cycles a step's value is the mean over them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean

from heapswap.trials.model import Measurement, Pause, Step
from heapswap.trials.services.readers import is_latency
from heapswap.workload import Direction, Level

OF_THE_RUN = "run"
"""phase of rows that say nothing when they are compared: how long a service lives is decided here"""
COMPARED = frozenset(("peak", "mean"))
"""rows of the launcher that mean the same of a service as of a command"""
MADE_HERE = frozenset(("cpu_per_request", "live"))
"""rows that no load generator tells: a metric of the user's own needs another name"""
MICROSECONDS = 1e6


def account(
    rows: Iterable[Measurement], steps: Sequence[Step], pauses: Sequence[Pause], levels: Sequence[Level]
) -> tuple[Measurement, ...]:
    """All rows of a service's run: the launcher's, and those that the steps and the pauses add up to."""
    of_the_run = [row if row.metric in COMPARED else replace(row, phase=OF_THE_RUN) for row in rows]
    return (*of_the_run, *_of_the_top(steps, levels), *_per_request(steps), *_at_rest(pauses))


def _of_the_top(steps: Sequence[Step], levels: Sequence[Level]) -> Iterable[Measurement]:
    top = levels[-1]
    mine = [step for step in steps if step.concurrency == top.concurrency and step.rate in (top.rate, None)]
    by_name: dict[str, list[Measurement]] = {}
    for step in mine:
        for row in step.metrics:
            if row.metric in ("requests", "errors") or (is_latency(row.metric) and step.rate is None):
                continue
            by_name.setdefault(row.metric, []).append(row)
    for found in by_name.values():
        yield replace(found[0], value=fmean(row.value for row in found), phase="whole")


def _per_request(steps: Sequence[Step]) -> Iterable[Measurement]:
    """CPU time of the service for each request, in microseconds: a faster service may serve more of them."""
    served = [_requests(step) for step in steps]
    total = sum(served)
    if steps and all(served):
        used = sum(step.cpu for step in steps)
        yield Measurement(
            metric="cpu_per_request", value=MICROSECONDS * used / total, unit="us", direction=Direction.LESS
        )


def _requests(step: Step) -> float:
    told = step.value("requests")
    return told if told is not None else (step.value("throughput") or 0.0) * (step.ended - step.started)


def _at_rest(pauses: Sequence[Pause]) -> Iterable[Measurement]:
    if pauses:
        last = pauses[-1]
        yield Measurement(metric="idle", value=float(last.resident), unit="B", direction=Direction.LESS)
        yield Measurement(metric="rest", value=last.length, unit="s", direction=Direction.LESS)
        if last.live is not None:
            yield Measurement(metric="live", value=float(last.live), unit="B", direction=Direction.LESS)
