"""What is run, and how to tell that it worked."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which way a metric is better."""

    LESS = "less"
    MORE = "more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric of the user's own, read from what the program prints, or of a service from what its load prints."""

    name: str
    pattern: str = ""
    """a regular expression with one group around the number"""
    unit: str = "1"
    direction: Direction = Direction.LESS
    path: str = ""
    """instead of a pattern: names and indices into the JSON that was printed, ``latency.percentiles.3``"""


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


class Reader(StrEnum):
    """Whose output the load's is: how throughput and latencies are found in it."""

    WRK = "wrk"
    AB = "ab"
    REDIS = "redis-benchmark"
    PGBENCH = "pgbench"
    GENERIC = "generic"
    """lines such as ``throughput: 1234`` and ``p99 = 4.2 ms``, or one JSON object with such names"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """How to tell that a service takes requests: one way of these; none: its port accepts a connection."""

    url: str = ""
    """answers with a status below 400"""
    tcp: str = ""
    """``HOST:PORT`` that accepts a connection"""
    log: str = ""
    """regular expression that the service's output matches"""
    command: str = ""
    """words of a command that succeeds"""
    timeout: float = 30.0
    """seconds"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """How a service is ended."""

    signal: str = "TERM"
    """to its first process"""
    grace: float = 10.0
    """seconds after which its whole tree is killed"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How hard a service is loaded during one step."""

    concurrency: int
    rate: float | None = None
    """requests a second; None: the load goes as fast as it is answered"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What makes a command a service: it is waited for, loaded level by level, left alone, and stopped.

    ``{port}``, and in `load` also ``{concurrency}``, ``{rate}`` and ``{duration}``, are filled in for every step.
    """

    load: tuple[str, ...]
    """words of the command that loads it; no shell, and never under a candidate"""
    reader: Reader = Reader.GENERIC
    levels: tuple[Level, ...] = (Level(concurrency=1),)
    """the ramp, in the order in which it is climbed"""
    duration: float = 5.0
    """seconds of one step"""
    warmup: float = 2.0
    """seconds of load at the first level that are not measured; 0: none"""
    rest: float = 15.0
    """seconds without load, after which memory is read"""
    cycles: int = 1
    """how often ramp and rest follow each other in one run"""
    ready: Ready = Ready()
    stop: Stop = Stop()
    port: int = 0
    """0: a free one for every run"""

    @property
    def is_paced(self) -> bool:
        """Whether the load comes at a given rate, so that latencies are of an equal load whoever is slower."""
        return any("{rate}" in word for word in self.load)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A plain command, or a service. Paths are absolute; the command is resolved before anything runs."""

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
    """options that say what is built or loaded, as `advise` and `trial` take them: ``--cargo PATH --bin NAME``"""
    service: Service | None = None
