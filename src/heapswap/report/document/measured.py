"""What a trial measured, as sections: every run, memory over time, steps of load, the workload and the machine."""

from collections import Counter
from collections.abc import Iterator, Sequence

from heapswap.report.charts.memory import trial_memory
from heapswap.report.charts.runs import run_charts
from heapswap.report.charts.steps import step_charts
from heapswap.report.document.machine import machine
from heapswap.report.document.model import Block, Facts, Section, Table, Tone, drawn, left, named, right, said
from heapswap.report.figures import name
from heapswap.report.shellwords import one_line
from heapswap.report.trial import PHRASES, ending
from heapswap.trials.model import Outcome, Run, Trial
from heapswap.units import format_duration
from heapswap.workload import Workload


def measured(trial: Trial, metrics: Sequence[str]) -> tuple[Section, ...]:
    """The sections about the runs; `metrics` in the order they are shown."""
    return (
        Section(title="Steps of load", blocks=drawn(step_charts(trial))),
        Section(title="Every run", blocks=tuple(_runs(trial, metrics))),
        Section(title="Memory over time", blocks=drawn(trial_memory(trial))),
        Section(title="Runs that did not complete", blocks=tuple(_troubles(trial.runs))),
        Section(title="Workload", blocks=(Facts(pairs=tuple(_workload(trial.workload, trial))),)),
        machine(trial.environment),
    )


def _runs(trial: Trial, metrics: Sequence[str]) -> Iterator[Block]:
    yield from drawn(run_charts(trial, metrics))
    counts = Counter(run.slot.candidate for run in trial.runs)
    completed = Counter(run.slot.candidate for run in trial.runs if run.outcome is Outcome.COMPLETED)
    yield Table(
        caption="Runs of each candidate",
        columns=(*left("candidate"), *right("runs", "completed")),
        rows=tuple(
            (
                named(one),
                said(str(number)),
                said(str(completed[one]), Tone.PLAIN if completed[one] == number else Tone.BAD),
            )
            for one, number in counts.items()
        ),
    )


def _troubles(runs: Sequence[Run]) -> Iterator[Block]:
    found = Counter(
        (run.slot.candidate, PHRASES[run.outcome] + ending(run)) for run in runs if run.outcome is not Outcome.COMPLETED
    )
    if found:
        yield Table(
            caption="Runs that did not complete, by candidate and kind",
            columns=(*left("candidate", "what happened"), *right("runs")),
            rows=tuple((named(one), said(phrase, Tone.BAD), said(str(n))) for (one, phrase), n in found.items()),
        )


def _workload(workload: Workload, trial: Trial) -> Iterator[tuple[str, str]]:
    yield "command", one_line(workload.argv)
    yield "program", workload.program or workload.argv[0]
    yield "folder", workload.directory
    yield "standard input", workload.stdin
    for label, value in (("setup", workload.setup), ("prepare", workload.prepare), ("cleanup", workload.cleanup)):
        if value:
            yield label, value
    if workload.timeout is not None:
        yield "timeout", format_duration(workload.timeout)
    for metric in workload.metrics:
        yield f"metric {name(metric.name)}", f"{metric.pattern} ({metric.direction} is better)"
    yield "objective", f"{trial.design.objective}, decided by {name(trial.design.criteria.primary)}"
    yield "seed of the order", str(trial.design.seed)
