"""The two process trees of a run: the service, under the candidate; and what loads it, never under any."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from heapswap.errors import CannotGoOn
from heapswap.trials import record
from heapswap.trials.launcher import Launcher, first_to_speak
from heapswap.trials.model import Outcome
from heapswap.trials.output import last_lines
from heapswap.trials.services.waiting import BETWEEN, Waiting, queued


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run of a service ended before its time."""

    outcome: Outcome
    code: str
    seen: str
    remedy: str
    log: Path | None = None
    """the file whose last lines tell more; None: the service's standard error"""


class Over(Exception):
    """The end of a run, at the moment in which it cannot go on: no error of heapswap's own."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.seen)
        self.failure = failure


class Tree:
    """The service, which may end at any time."""

    def __init__(self, launcher: Launcher, root: int) -> None:
        self.launcher = launcher
        self.root = root
        """its first process"""
        self.end: record.Ended | None = None
        """how it ended; None while it runs"""

    def must_run(self, when: str, patience: float = 0.0) -> None:
        """Wait so long, and raise `Over` where the service ends meanwhile.

        Raises:
            Over: it has ended; `when` says at what stage.
        """
        if self.end is None:
            self.end = self.launcher.ended(patience)
        if self.end is not None:
            raise Over(_ended(self.end, when))

    def mark(self, name: str, when: str) -> record.Marked:
        """Measure it now.

        Raises:
            Over: it has ended.
        """
        self.must_run(when)
        reply = self.launcher.mark(name)
        if isinstance(reply, record.Ended):
            self.end = reply
            raise Over(_ended(reply, when))
        return reply

    def stopped(self, number: int, grace: float) -> record.Ended:
        """End it, where it has not ended yet."""
        if self.end is None:
            self.end = self.launcher.stop(number, grace)
        return self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command that a helper has run to its end."""

    ended: record.Ended
    out: Path
    err: Path
    waiting: float | None
    """its threads that waited for a core, on average; None where it was too short to tell"""
    service_waiting: float | None
    """the same of the service's meanwhile"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """Starts what is not measured: the load, and the command that asks whether the service is ready."""

    launcher: Launcher
    environ: Mapping[str, str]
    """heapswap's own: nothing of a candidate's"""
    directory: str
    folder: Path
    """where output goes"""

    def run(self, words: Sequence[str], name: str, timeout: float, service: Tree, when: str) -> Done:
        """Run a command to its end.

        Raises:
            Over: the service ended meanwhile; the command's tree is ended as well.
            CannotGoOn: there is no such program.
        """
        out, err = self.folder / f"{name}.out", self.folder / f"{name}.err"
        program = located(words[0], self.environ, self.directory)
        started = self.launcher.start(
            {
                "program": record.wire(program),
                "argv": [record.wire(word) for word in words],
                "env": [record.wire(f"{key}={value}") for key, value in self.environ.items()],
                "cwd": record.wire(self.directory),
                "stdin": os.devnull,
                "stdout": record.wire(os.fspath(out.absolute())),
                "stderr": record.wire(os.fspath(err.absolute())),
                "timeout": timeout,
                "ignored": [],
            }
        )
        if isinstance(started, record.Refused):
            raise CannotGoOn(
                f"{words[0]}: {os.strerror(started.errno)} ({started.step}); give a load that can be started"
            )
        mine, its = Waiting(), Waiting()
        while (speaks := first_to_speak((self.launcher, service.launcher), BETWEEN)) is None:
            mine.look(monotonic(), queued(started.pid))
            its.look(monotonic(), queued(service.root))
        if speaks is service.launcher:
            self.launcher.kill()
            service.must_run(when)
        ended = self.launcher.ended()
        if ended is None:
            raise AssertionError("without a patience somebody waits for ever")
        return Done(ended=ended, out=out, err=err, waiting=mine.share, service_waiting=its.share)


def located(word: str, environ: Mapping[str, str], directory: str) -> str:
    """The file that a command's first word stands for.

    Raises:
        CannotGoOn: there is none.
    """
    path = os.path.join(directory, word) if "/" in word else word  # noqa: PTH118 - text stays text
    found = shutil.which(path, path=environ.get("PATH", os.defpath))
    if found is None:
        raise CannotGoOn(f"'{word}' is no program that is found here; install it, or give the path of what loads")
    return str(Path(directory, found))


def how(ended: record.Ended) -> str:
    """How a program ended, as a clause's end."""
    if ended.timed_out:
        return "ran out of time"
    if ended.signal is not None:
        return f"was ended by signal {ended.signal}"
    return f"ended with status {ended.exit}"


def _ended(end: record.Ended, when: str) -> Failure:
    return Failure(
        outcome=Outcome.CRASHED if end.signal is not None else Outcome.FAILED,
        code="service-ended",
        seen=f"the service {how(end)} {when}",
        remedy="give a command that stays in the foreground and serves until it is stopped; its log tells more",
    )


def tail(path: Path) -> str:
    """The last lines of a file, where there are any."""
    return last_lines(path) if path.is_file() and path.stat().st_size else ""
