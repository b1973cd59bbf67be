"""What is run, and how to tell that it worked."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which way a metric is better."""

    LESS = "less"
    MORE = "more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric of the user's own, read from the program's output by a regular expression with one group."""

    name: str
    pattern: str
    unit: str = "1"
    direction: Direction = Direction.LESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build of the program under test: the same sources with other options."""

    candidate: str
    """spelling of the candidate that it is"""
    program: str
    """the executable, kept with the results"""
    digest: str
    """of its bytes, ``sha256:…``"""
    command: tuple[str, ...]
    """how a person builds it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A plain command. Paths are absolute; the command is resolved before anything runs."""

    argv: tuple[str, ...]
    """as the user wrote them, the program's name first"""
    directory: str
    """working directory"""
    program: str = ""
    """the file that is executed, found in PATH when the trial began; empty: the first word of `argv` is its path"""
    stdin: str = "/dev/null"
    """a file that is opened anew for every run"""
    setup: str = ""
    """shell command run once before everything, unmeasured"""
    prepare: str = ""
    """shell command run before every run, unmeasured"""
    cleanup: str = ""
    """shell command run once after everything, unmeasured"""
    timeout: float | None = None
    """seconds after which a run's whole process tree is killed"""
    accepted: tuple[int, ...] = (0,)
    """exit statuses that count as success"""
    metrics: tuple[Metric, ...] = ()
    builds: tuple[Build, ...] = ()
    """what is executed under the candidates that are builds; every other one executes `program`"""
    source: tuple[str, ...] = ()
    """options that say what is built, as `advise` and `trial` take them: ``--cargo PATH --bin NAME``"""
