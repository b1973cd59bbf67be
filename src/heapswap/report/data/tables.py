"""An artifact as tables of plain values, each with a name: the first is what most want, a row a thing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from heapswap.conformance.model import Conformance
from heapswap.errors import Misuse
from heapswap.estimate import Estimate
from heapswap.near import near
from heapswap.profiling.model import Process, Profile
from heapswap.report.comparison.model import Change, Comparison
from heapswap.report.reading import Artifact
from heapswap.trials.model import Run, Trial
from heapswap.verdict.model import Verdict
from heapswap.verdict.prediction import Prediction

Value = str | int | float | bool | None
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Rows of values, all with the same columns."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


def tables_of(found: Artifact | Comparison) -> tuple[str, ...]:
    """The names of an artifact's tables."""
    return tuple(_tables(found))


def frame(found: Artifact | Comparison, name: str = "") -> Frame:
    """One table; without a name the first.

    Raises:
        Misuse: there is no such table.
    """
    makers = _tables(found)
    chosen = name or next(iter(makers))
    if chosen not in makers:
        raise Misuse(f"a {found.kind} has no table '{name}'; {near(name, makers)}")
    rows = list(makers[chosen]())
    columns = tuple(dict.fromkeys(column for row in rows for column in row)) or ("empty",)
    return Frame(name=chosen, columns=columns, rows=tuple(tuple(row.get(column) for column in columns) for row in rows))


def _tables(found: Artifact | Comparison) -> Mapping[str, Callable[[], Iterator[Row]]]:
    match found:
        case Trial():
            return {
                "measurements": lambda: _measurements(found.runs),
                "runs": lambda: _runs(found.runs),
                "timeline": lambda: _timeline(found.runs),
                "processes": lambda: _seen(found.runs),
                "steps": lambda: _steps(found.runs),
                "pauses": lambda: _pauses(found.runs),
                "findings": lambda: _flat(found.findings),
            }
        case Verdict():
            return {
                "comparisons": lambda: _flat(found.comparisons),
                "guards": lambda: _flat(found.guards),
                "not_tried": lambda: _flat(found.not_tried),
                "findings": lambda: _flat(found.findings),
            }
        case Profile():
            return {
                "processes": lambda: (_process(one) for one in found.processes),
                "functions": lambda: _of_each(found.processes, lambda one: one.functions),
                "size_classes": lambda: _of_each(found.processes, lambda one: one.size_classes),
                "timeline": lambda: _of_each(found.processes, lambda one: one.timeline),
                "resident": lambda: _of_each(found.processes, lambda one: one.resident),
                "call_sites": lambda: _sites(found.processes),
                "lifetimes": lambda: _spread_of_each(found.processes, lambda one: one.lifetimes),
                "contention": lambda: _spread_of_each(found.processes, lambda one: one.contention),
                "findings": lambda: _flat(found.findings),
            }
        case Conformance():
            return {
                "clauses": lambda: _flat(found.clauses),
                "hardening": lambda: (
                    {"candidate": one.candidate, **row} for one in found.hardening for row in _flat(one.attempts)
                ),
                "prices": lambda: _flat(found.prices),
            }
        case Prediction():
            return {
                "forecasts": lambda: _flat((*found.memory, *found.time)),
                "not_tried": lambda: _flat(found.not_tried),
                "findings": lambda: _flat(found.findings),
            }
        case Comparison():
            return {
                "changes": lambda: map(_change, found.changes),
                "turns": lambda: _flat(found.turns),
                "findings": lambda: _flat(found.findings),
            }


def _run(number: int, run: Run) -> Row:
    slot = run.slot
    return {"run": number, "stage": slot.stage.value, "block": slot.block, "candidate": slot.candidate}


def _measurements(runs: Sequence[Run]) -> Iterator[Row]:
    for number, run in enumerate(runs, 1):
        for row in _flat(run.measurements):
            yield {**_run(number, run), "outcome": run.outcome.value, **row}


def _runs(runs: Sequence[Run]) -> Iterator[Row]:
    """A row a run, a column a metric."""
    for number, run in enumerate(runs, 1):
        ended = {"position": run.slot.position, "outcome": run.outcome.value, "exit_status": run.exit_status}
        around = {"signal": run.signal, "started": run.started, "steal": run.steal, "pressure": run.pressure}
        values = {
            row.metric if row.phase == "whole" else f"{row.metric} ({row.phase})": row.value
            for row in run.measurements
            if row.group == "tree"
        }
        yield {**_run(number, run), **ended, **around, **values}


def _timeline(runs: Sequence[Run]) -> Iterator[Row]:
    for number, run in enumerate(runs, 1):
        for row in _flat(run.timeline):
            yield {**_run(number, run), **row}


def _steps(runs: Sequence[Run]) -> Iterator[Row]:
    """A row a step of a service's ramp, a column a metric of its load."""
    for number, run in enumerate(runs, 1):
        for step, row in zip(run.steps, _flat(run.steps), strict=True):
            yield {**_run(number, run), **row, **{one.metric: one.value for one in step.metrics}}


def _pauses(runs: Sequence[Run]) -> Iterator[Row]:
    for number, run in enumerate(runs, 1):
        for row in _flat(run.pauses):
            yield {**_run(number, run), **row}


def _seen(runs: Sequence[Run]) -> Iterator[Row]:
    for number, run in enumerate(runs, 1):
        for row in _flat(run.processes):
            yield {**_run(number, run), **row}


def _process(process: Process) -> Row:
    """The lists are tables of their own."""
    return {**_spread(process), "arguments": " ".join(process.arguments)}


def _sites(processes: Sequence[Process]) -> Iterator[Row]:
    """A row a call site: the function, and in columns of their own who called it."""
    for process in processes:
        for site in process.call_sites:
            caller = {f"caller_{name}": value for name, value in _spread(site.caller).items()} if site.caller else {}
            row = {"bytes": site.bytes, "calls": site.calls, "share": site.share}
            yield {"pid": process.pid, "exe": process.exe, **_spread(site.place), **row, **caller}


def _spread(value: object) -> Row:
    """What is one value stays, an estimate becomes three columns, and lists are left out."""
    row: dict[str, Value] = {}
    for name, content in msgspec.to_builtins(value).items():
        if isinstance(content, Mapping):
            row |= {name: content["value"], f"{name}_low": content["low"], f"{name}_high": content["high"]}
        elif not isinstance(content, list | tuple):
            row[name] = content
    return row


def _spread_of_each(processes: Sequence[Process], part: Callable[[Process], Sequence[object]]) -> Iterator[Row]:
    for process in processes:
        for value in part(process):
            yield {"pid": process.pid, "exe": process.exe, **_spread(value)}


def _change(change: Change) -> Row:
    estimates = {"before": change.before, "after": change.after, "change": change.change}
    spread = {column: value for name, one in estimates.items() for column, value in _columns(name, one).items()}
    told: Row = {"subject": change.subject, "measure": change.measure, "unit": change.unit}
    return {**told, **spread, "form": change.form.value, "says": change.says.value}


def _columns(name: str, estimate: Estimate) -> Row:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _of_each(processes: Sequence[Process], part: Callable[[Process], Sequence[object]]) -> Iterator[Row]:
    for process in processes:
        for row in _flat(part(process)):
            yield {"pid": process.pid, "exe": process.exe, **row}


def _flat(values: Sequence[object]) -> Iterator[Row]:
    for value in values:
        fields: Mapping[str, Any] = msgspec.to_builtins(value)
        yield {name: content for name, content in fields.items() if not isinstance(content, dict | list)}
