"""The raw output behind the table: every command that is run is kept as files in one folder."""

import json
import os
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class NoEvidence(Exception):
    """A command did not give what a line needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One finished command."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Runs commands from the root of the repository; the same name is run once, however many lines read it."""

    folder: Path
    resumes: bool = False
    """whether a command that an earlier process ran to its end here is not run again"""
    finished: dict[str, Output] = field(default_factory=dict)

    def command(self, name: str, argv: list[str], timeout: float = 3600) -> Output:
        """Run `argv` and keep it as ``NAME.command``, ``NAME.stdout`` and ``NAME.stderr``.

        Raises:
            NoEvidence: it took longer than `timeout` seconds.
        """
        if name not in self.finished:
            kept = self._kept(name, argv) if self.resumes else None
            self.finished[name] = kept or self._run(name, argv, timeout)
        return self.finished[name]

    def json(self, name: str, argv: list[str], timeout: float = 3600, statuses: tuple[int, ...] = (0,)) -> Any:
        """The one JSON value that `argv` prints on standard output.

        Raises:
            NoEvidence: an exit status not among `statuses`, other output, or the timeout.
        """
        output = self.command(name, argv, timeout)
        if output.status not in statuses:
            last = (output.stderr.strip() or "no message").splitlines()[-1]
            raise NoEvidence(f"{shlex.join(argv)} ended with {output.status}: {last}")
        try:
            return json.loads(output.stdout)
        except json.JSONDecodeError as error:
            raise NoEvidence(f"{shlex.join(argv)} did not print one JSON value: {error}") from None

    def _kept(self, name: str, argv: list[str]) -> Output | None:
        """What the same command did before; None where there is none, or it did not end."""
        record = self.folder / f"{name}.command"
        words, _, told = record.read_text().partition("\nexit status ") if record.exists() else ("", "", "")
        if words != shlex.join(argv):
            return None
        out, err = (self.folder / f"{name}.{kind}" for kind in ("stdout", "stderr"))
        return Output(
            status=int(told.partition(",")[0]),
            stdout=out.read_text(errors="replace"),
            stderr=err.read_text(errors="replace"),
        )

    def _run(self, name: str, argv: list[str], timeout: float) -> Output:
        started = time.monotonic()
        (self.folder / f"{name}.command").unlink(missing_ok=True)
        out, err = self.folder / f"{name}.stdout", self.folder / f"{name}.stderr"
        # What heapswap saves belongs to the evidence, and not into the folder of whoever runs this.
        environ = {**os.environ, "XDG_STATE_HOME": str(self.folder / "state")}
        with out.open("wb") as stdout, err.open("wb") as stderr:
            try:
                done = subprocess.run(
                    argv,
                    cwd=ROOT,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    timeout=timeout,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise NoEvidence(f"{shlex.join(argv)} took longer than {timeout:.0f} s") from None
            except OSError as error:
                raise NoEvidence(f"{shlex.join(argv)} cannot be run: {error.strerror}") from None
        seconds = time.monotonic() - started
        (self.folder / f"{name}.command").write_text(
            f"{shlex.join(argv)}\nexit status {done.returncode}, {seconds:.1f} s\n"
        )
        return Output(
            status=done.returncode, stdout=out.read_text(errors="replace"), stderr=err.read_text(errors="replace")
        )
