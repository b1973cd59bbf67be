"""The seam at the process boundary: an order goes in, a run comes out. Everything above it is tested with a double."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from heapswap import native
from heapswap.errors import CannotGoOn
from heapswap.filling import filled_words
from heapswap.findings import Finding, Level
from heapswap.trials import force, output, record
from heapswap.trials.counting import Counting
from heapswap.trials.launcher import Launcher
from heapswap.trials.model import Outcome, Run, Slot
from heapswap.trials.rest import at_rest
from heapswap.trials.services.account import account
from heapswap.trials.services.life import Life, Setting, ended_well, lived, nothing_counts
from heapswap.trials.services.ports import port_for
from heapswap.trials.services.trees import Helper, Tree, tail
from heapswap.workload import Metric, Service

WITNESS = "HEAPSWAP_WITNESS"
"""the variable that tells the witness where its journal is"""
PRELOAD = "LD_PRELOAD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run to be made."""

    slot: Slot
    program: str
    """path of the file that is executed; nothing is searched"""
    argv: tuple[str, ...]
    """the program's name for itself, and its arguments"""
    environ: Mapping[str, str]
    directory: str
    stdin: str
    """a file that is opened for this run"""
    timeout: float | None
    """seconds after which the whole tree is killed"""
    accepted: tuple[int, ...]
    """exit statuses that count as success"""
    metrics: tuple[Metric, ...]
    folder: Path
    """where ``stdout``, ``stderr`` and the journal ``witness`` of this run are written; made if it is not there"""
    expected: str | None
    """real path of the library whose malloc must answer; ``libc`` for the C library's own; None: whatever answers"""
    ignored_signals: tuple[int, ...] = ()
    """signals that heapswap was started with ignored, and that the program is to find so"""
    service: Service | None = None
    """what loads the program; None: it ends by itself"""
    outside: Mapping[str, str] = field(default_factory=dict)
    """environment of what loads it"""
    scratch: str = ""
    """a folder for this run alone, that ``{folder}`` stands for"""
    counting: Counting | None = None
    """counts the service's live bytes from cycle to cycle, in front of its allocator"""


class Executor(Protocol):
    """Whatever can make a run."""

    def execute(self, order: Order) -> Run:
        """Run the program to its end.

        Raises:
            CannotGoOn: it could not be started at all, whatever the candidate.
        """
        ...


class LaunchExecutor:
    """Runs under one launcher process, and loads services from a second, each started when it is first needed.

    Leaving the context, and every exception during a run, ends the launchers and with them whatever they run.
    """

    def __init__(self) -> None:
        self._launchers: dict[str, Launcher] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the launchers, and wait until nothing of what they ran is left."""
        launchers, self._launchers = self._launchers, {}
        with contextlib.ExitStack() as every:
            for launcher in launchers.values():
                every.callback(launcher.close)

    def execute(self, order: Order) -> Run:
        """See `Executor`."""
        order.folder.mkdir(parents=True, exist_ok=True)
        journal = order.folder / "witness"
        journal.write_bytes(b"")
        try:
            return self._loaded(order, journal) if order.service else self._whole(order, journal)
        except BaseException:
            self.close()
            raise

    def _launcher(self, what: str) -> Launcher:
        if what not in self._launchers:
            self._launchers[what] = Launcher()
        return self._launchers[what]

    def _whole(self, order: Order, journal: Path) -> Run:
        """Of a command that ends by itself."""
        root, ended = self._launcher("program").run(_request(order, journal))
        if isinstance(ended, record.Refused):
            raise CannotGoOn(_refusal(order, ended))
        return _run(order, root, ended, force.read_journal(journal.read_bytes()))

    def _loaded(self, order: Order, journal: Path) -> Run:
        """Of a service."""
        service = order.service
        if service is None:
            raise AssertionError("only an order of a service is loaded")
        values = {"port": str(port_for(service.port)), "folder": order.scratch}
        argv = filled_words(order.argv, values)
        environ = order.counting.environ if order.counting else order.environ
        launcher = self._launcher("program")
        # The service is ended by what its life comes to; a limit of its own it has none.
        started = launcher.start(_request(replace(order, argv=argv, environ=environ, timeout=None), journal))
        if isinstance(started, record.Refused):
            raise CannotGoOn(_refusal(order, started))
        setting = Setting(
            service=service,
            metrics=order.metrics,
            tree=Tree(launcher, started.pid),
            helper=Helper(
                launcher=self._launcher("load"),
                environ=order.outside,
                directory=order.directory,
                folder=order.folder,
            ),
            values=values,
            logs=(order.folder / "stdout", order.folder / "stderr"),
            timeout=order.timeout,
            live=order.counting.live if order.counting else nothing_counts,
            small=order.counting.small if order.counting else nothing_counts,
        )
        life, ended = lived(setting)
        seen = force.read_journal(journal.read_bytes())
        if order.counting is not None:
            seen = force.seen_through(seen, order.counting.counter, order.counting.behind())
        return _run_of_service(order, started.pid, life, ended, seen)


def _request(order: Order, journal: Path) -> dict[str, object]:
    environ = {**order.environ, WITNESS: os.fspath(journal), PRELOAD: _preload(order.environ.get(PRELOAD, ""))}
    return {
        "program": record.wire(order.program),
        "argv": [record.wire(word) for word in order.argv],
        "env": [record.wire(f"{name}={value}") for name, value in environ.items()],
        "cwd": record.wire(order.directory),
        "stdin": record.wire(order.stdin),
        "stdout": record.wire(os.fspath(order.folder.absolute() / "stdout")),
        "stderr": record.wire(os.fspath(order.folder.absolute() / "stderr")),
        "timeout": order.timeout,
        "ignored": list(order.ignored_signals),
    }


def _preload(present: str) -> str:
    """The preloads that are there, and behind them the witness, which must not come before any of them."""
    witness = native.preloadable("witness")
    return f"{present}:{witness}" if present else witness


def _refusal(order: Order, refused: record.Refused) -> str:
    results = os.fspath(order.folder)
    what, remedy = {
        "stdin": (order.stdin, "give a file that can be read"),
        "stdout": (results, "give a results folder that can be written"),
        "stderr": (results, "give a results folder that can be written"),
        "directory": (order.directory, "start from a folder that exists"),
    }.get(refused.step, (order.program, "give a program that this machine can execute"))
    return f"{what}: {os.strerror(refused.errno)} ({refused.step}); {remedy}"


def _run(order: Order, root: int, ended: record.Ended, journal: tuple[force.Witnessed, ...]) -> Run:
    stdout, stderr = order.folder / "stdout", order.folder / "stderr"
    timeline = record.samples(ended)
    processes = force.judge(record.processes(ended), journal, order.expected, order.directory)
    rows, findings = output.read_metrics(order.metrics, (stdout, stderr))
    outcome = record.outcome(ended, order.accepted)
    if outcome is Outcome.COMPLETED and (objection := force.objection(processes, root, order.expected)):
        outcome = Outcome.NOT_IN_FORCE
        findings.append(objection)
    doubts: list[Finding | None] = [record.left_behind(ended), *findings]
    return Run(
        slot=order.slot,
        outcome=outcome,
        exit_status=ended.exit,
        signal=ended.signal,
        measurements=(*record.measurements(ended, at_rest(timeline)), *rows),
        processes=processes,
        timeline=record.thinned(timeline),
        output=output.digest(stdout),
        steal=ended.steal or 0.0,
        pressure=ended.pressure or 0.0,
        started=ended.started,
        log="" if outcome is Outcome.COMPLETED else output.last_lines(stderr),
        findings=tuple(doubt for doubt in doubts if doubt is not None),
    )


def _run_of_service(
    order: Order, root: int, life: Life, ended: record.Ended, journal: tuple[force.Witnessed, ...]
) -> Run:
    service = order.service
    if service is None:
        raise AssertionError("only an order of a service has a life")
    stderr = order.folder / "stderr"
    processes = force.judge(record.processes(ended), journal, order.expected, order.directory)
    findings: list[Finding | None] = [record.left_behind(ended)]
    outcome = Outcome.COMPLETED if ended_well(ended, service.stop, order.accepted) else record.outcome(ended, ())
    log = ""
    if life.failure is not None:
        failure = life.failure
        outcome, log = failure.outcome, tail(failure.log) if failure.log else ""
        findings.append(Finding(code=failure.code, level=Level.WARNING, seen=failure.seen, remedy=failure.remedy))
    elif outcome is Outcome.COMPLETED and (objection := force.objection(processes, root, order.expected)):
        outcome = Outcome.NOT_IN_FORCE
        findings.append(objection)
    if outcome is not Outcome.COMPLETED:
        log = log or tail(stderr) or tail(order.folder / "stdout")
    return Run(
        slot=order.slot,
        outcome=outcome,
        exit_status=ended.exit,
        signal=ended.signal,
        measurements=account(record.measurements(ended, None), life.steps, life.pauses, service.levels),
        processes=processes,
        timeline=record.thinned(record.samples(ended)),
        # What a service prints tells of times and ports: it is compared by what it answers, not by this.
        output="",
        steal=ended.steal or 0.0,
        pressure=ended.pressure or 0.0,
        started=ended.started,
        log=log,
        findings=tuple(doubt for doubt in findings if doubt is not None),
        steps=tuple(life.steps),
        pauses=tuple(life.pauses),
    )
