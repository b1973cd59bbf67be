"""A trial on disk: saved whole after every run, so that a crash or Ctrl-C at run 37 keeps 36."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heapswap import artifact
from heapswap.errors import CannotGoOn, Misuse
from heapswap.trials.model import Trial

SCHEMA = 1
_TRIAL = "trial.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Where one trial's files are: the trial itself, and a folder with the output of every run."""

    folder: Path
    trial: Path

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
        artifact.write(self.trial, artifact.encode(trial))

    def load(self) -> Trial:
        """Read the trial back."""
        return load(self.trial)


def default_folder(program: str, environ: Mapping[str, str]) -> Path:
    """A new folder name under the XDG state folder: date, time and the program's name."""
    state = Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    name = re.sub(r"[^\w.-]+", "_", Path(program).name)
    return state / "heapswap" / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}-{os.getpid()}"


def create(folder: Path, trial: Path | None = None) -> Results:
    """Make a results folder; `trial` puts the trial file elsewhere.

    Raises:
        Misuse: the folder or the trial file exists already.
        CannotGoOn: the folder cannot be made.
    """
    if trial is not None and trial.exists():
        raise Misuse(f"{trial} exists; give another file, or continue it with --resume {trial}")
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise Misuse(f"{folder} exists; give another folder, or continue it with --resume {folder}") from None
    except OSError as error:
        raise CannotGoOn(f"{folder} cannot be made: {error.strerror}; give another with --results") from None
    return Results(folder=folder, trial=trial or folder / _TRIAL)


def reopen(place: Path) -> Results:
    """The results that hold an earlier trial: its folder, or the trial file itself.

    Raises:
        CannotGoOn: there is no trial.
    """
    file = place / _TRIAL if place.is_dir() else place
    if not file.is_file():
        raise CannotGoOn(f"{place} holds no trial to continue; give the folder or file that an earlier trial printed")
    folder = file.parent if file.name == _TRIAL else file.with_name(file.name + ".runs")
    return Results(folder=folder, trial=file)


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
