"""A trial on disk: saved whole after every run, so that a crash or Ctrl-C at run 37 keeps 36."""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from heapswap import artifact
from heapswap.errors import CannotGoOn, HeapswapError, Misuse
from heapswap.trials.model import Trial
from heapswap.workload import Ready, Service

SCHEMA = 1
_TRIAL = "trial.json"
_RUNS = ".runs"
_LEFT_OUT = ("…",)
"""stands for the arguments of a command that are not kept"""


class Keeps(StrEnum):
    """What is saved of a trial."""

    EVERYTHING = "everything"
    NUMBERS = "numbers"
    """neither the command's arguments nor what the program read and printed"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Where one trial's files are: the trial itself, and a folder with the output of every run."""

    folder: Path
    trial: Path
    keeps: Keeps = Keeps.EVERYTHING

    def run_folder(self, number: int) -> Path:
        """A new folder for the files of run `number`, readable by this user only.

        Raises:
            CannotGoOn: it cannot be made.
        """
        path = self.folder / "runs" / f"{number:04d}"
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CannotGoOn(f"{path} cannot be made: {error.strerror}; what was saved before is unchanged") from None
        return path

    def save(self, trial: Trial) -> None:
        """Replace the trial file in one step; a failure leaves what was saved before."""
        artifact.write(self.trial, artifact.encode(self.kept(trial)))

    def kept(self, trial: Trial) -> Trial:
        """The trial as it is saved."""
        return redacted(trial) if self.keeps is Keeps.NUMBERS else trial

    def tidy(self) -> None:
        """After the last run, remove what is not to be kept."""
        if self.keeps is Keeps.NUMBERS:
            shutil.rmtree(self.folder / "runs", ignore_errors=True)
            (self.folder / "stdin").unlink(missing_ok=True)

    @contextlib.contextmanager
    def discarded_on_error(self) -> Iterator[None]:
        """Remove the folder where a request is refused, so that it can be mended and made again."""
        try:
            yield
        except HeapswapError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def load(self) -> Trial:
        """Read the trial back."""
        return load(self.trial)


def redacted(trial: Trial) -> Trial:
    """The trial without what may be private: arguments, other commands, files, and the log lines of runs."""
    workload = replace(
        trial.workload,
        argv=(trial.workload.argv[0], *_LEFT_OUT),
        stdin=os.devnull,
        setup="",
        prepare="",
        cleanup="",
        source=() if trial.workload.service else trial.workload.source,
        service=_without_words(trial.workload.service),
    )
    return replace(trial, workload=workload, runs=tuple(replace(run, log="") for run in trial.runs))


def _without_words(service: Service | None) -> Service | None:
    """A service without the commands that load it and ask whether it is ready."""
    if service is None:
        return None
    return replace(
        service, load=(service.load[0], *_LEFT_OUT), ready=Ready(timeout=service.ready.timeout, tcp=service.ready.tcp)
    )


def is_redacted(trial: Trial) -> bool:
    """Whether the command of a trial is no longer known."""
    return trial.workload.argv[1:] == _LEFT_OUT


def default_folder(program: str, environ: Mapping[str, str]) -> Path:
    """A new folder name under the XDG state folder: date, time and the program's name.

    Raises:
        CannotGoOn: this user has no home folder.
    """
    name = re.sub(r"[^\w.-]+", "_", Path(program).name)
    return artifact.state_folder(environ) / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}-{os.getpid()}"


def beside(file: Path) -> Path:
    """The results folder of a trial that is saved in a file of its own."""
    return file.with_name(file.name + _RUNS)


def create(folder: Path, trial: Path | None = None, keeps: Keeps = Keeps.EVERYTHING) -> Results:
    """Make a results folder; `trial` puts the trial file elsewhere. Paths become absolute, as a trial holds them.

    Raises:
        Misuse: the folder or the trial file exists already.
        CannotGoOn: the folder cannot be made.
    """
    if trial is not None and trial.exists():
        raise Misuse(f"{trial} exists; give another file, or continue it with --resume {trial}")
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        there = f", or continue the trial in it with --resume {folder}" if (folder / _TRIAL).exists() else ""
        raise Misuse(f"{folder} exists; give another with --results{there}") from None
    except OSError as error:
        raise CannotGoOn(f"{folder} cannot be made: {error.strerror}; give another with --results") from None
    folder = folder.absolute()
    return Results(folder=folder, trial=trial.absolute() if trial else folder / _TRIAL, keeps=keeps)


def reopen(place: Path, keeps: Keeps = Keeps.EVERYTHING) -> Results:
    """The results that hold an earlier trial: its folder, or the trial file itself.

    Raises:
        CannotGoOn: there is no trial, or no folder can be made for what it still runs.
    """
    place = place.absolute()
    file = place / _TRIAL if place.is_dir() else place
    if not file.exists() and place.name.endswith(_RUNS):
        file = place.with_name(place.name.removesuffix(_RUNS))
    if not file.is_file():
        raise CannotGoOn(f"{place} holds no trial to continue; give the folder or file that an earlier trial printed")
    folder = file.parent if file.name == _TRIAL else beside(file)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CannotGoOn(f"{folder} cannot be made: {error.strerror}; copy the trial to a folder of yours") from None
    return Results(folder=folder, trial=file, keeps=keeps)


def load(file: Path) -> Trial:
    """Read a trial file.

    Raises:
        CannotGoOn: unreadable, damaged, another kind, or from a newer heapswap.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CannotGoOn(f"{file} cannot be read: {error.strerror}") from None
    return artifact.decode(data, "trial", SCHEMA, Trial, str(file))
