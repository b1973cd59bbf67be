"""The seam at the process boundary: an order goes in, a run comes out. Everything above it is tested with a double."""

import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import msgspec

from heapswap import native
from heapswap.errors import CannotGoOn
from heapswap.findings import Finding
from heapswap.trials import force, output, record
from heapswap.trials.model import Outcome, Run, Slot
from heapswap.trials.rest import at_rest
from heapswap.workload import Metric

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


class Executor(Protocol):
    """Whatever can make a run."""

    def execute(self, order: Order) -> Run:
        """Run the program to its end.

        Raises:
            CannotGoOn: it could not be started at all, whatever the candidate.
        """
        ...


class LaunchExecutor:
    """Runs under one launcher process, started when it is first needed.

    Leaving the context, and every exception during a run, ends the launcher and with it whatever it runs.
    """

    def __init__(self) -> None:
        self._launcher: _Launcher | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the launcher, and wait until nothing of what it ran is left."""
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            launcher.close()

    def execute(self, order: Order) -> Run:
        """See `Executor`."""
        order.folder.mkdir(parents=True, exist_ok=True)
        journal = order.folder / "witness"
        journal.write_bytes(b"")
        if self._launcher is None:
            self._launcher = _Launcher()
        try:
            root, ended = self._launcher.run(_request(order, journal))
        except BaseException:
            self.close()
            raise
        if isinstance(ended, record.Refused):
            raise CannotGoOn(_refusal(order, ended))
        return _run(order, root, ended, force.read_journal(journal.read_bytes()))


class _Launcher:
    """The process, and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [native.launcher(), str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    # Nothing of this process's environment: a preloaded allocator would make the launcher larger.
                    env={},
                    # A Ctrl-C on the terminal is this process's affair; the launcher hears of it from here.
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise CannotGoOn(f"{native.launcher()} cannot be started: {error.strerror}; try again") from None
        self._socket = ours
        self._lines = ours.makefile("rb")

    def run(self, request: bytes) -> tuple[int, record.Ended | record.Refused]:
        """The pid of the root, and how it ended."""
        try:
            self._socket.sendall(request)
            first = self._reply()
            if isinstance(first, record.Refused):
                return 0, first
            ended = self._reply()
        except (OSError, msgspec.DecodeError) as error:
            raise CannotGoOn(f"the launcher broke off ({error}); start again") from None
        if not isinstance(first, record.Started) or not isinstance(ended, record.Ended):
            raise CannotGoOn(f"the launcher answered {first}, {ended}; install heapswap again")
        return first.pid, ended

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
        self._process.wait()

    def _reply(self) -> record.Started | record.Refused | record.Ended | record.Error:
        line = self._lines.readline()
        if not line:
            raise OSError("it is gone")
        reply: record.Started | record.Refused | record.Ended | record.Error = _REPLIES.decode(line)
        return reply


_REPLIES = msgspec.json.Decoder(record.Started | record.Refused | record.Ended | record.Error)


def _request(order: Order, journal: Path) -> bytes:
    environ = {**order.environ, WITNESS: os.fspath(journal), PRELOAD: _preload(order.environ.get(PRELOAD, ""))}
    request = {
        "do": "start",
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
    return msgspec.json.encode(request) + b"\n"


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
