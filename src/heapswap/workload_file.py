"""``workload.toml``: a service, what loads it, and how to tell that it worked. The same table comes from options."""

import re
import shlex
import signal
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

from heapswap.errors import CannotGoOn, Misuse
from heapswap.filling import LOADING, STARTING, places
from heapswap.near import near
from heapswap.units import parse_duration
from heapswap.workload import Direction, Level, Metric, Reader, Ready, Service, Stop, Workload

Words = str | list[str]
Time = float | str

ALLOWED: Mapping[str, str] = {
    "start": "the service's command: a text that is split like a shell's, or a list of words",
    "load": "the command that loads it: a text that is split like a shell's, or a list of words",
    "concurrency": "a whole number from 1, or a list of them that climbs, such as [1, 2, 4, 8]",
    "rate": "requests a second, above 0: a number, or a list with one for each step",
    "duration": "seconds of a step, above 0, or a text such as '10s'",
    "warmup": "seconds, 0 for none, or a text such as '10s'",
    "rest": "seconds, or a text such as '15s'",
    "cycles": "a whole number from 1",
    "port": "a port from 1 to 65535; left out, every run gets a free one",
    "reader": f"one of {', '.join(Reader)}",
    "directory": "a folder, from the one that the file is in",
    "setup": "a shell command, run once before everything",
    "prepare": "a shell command, run before every run",
    "cleanup": "a shell command, run once after everything",
    "timeout": "seconds that one load may take, or a text such as '2m'",
    "success": "a list of exit statuses that count as success, such as [0, 1]",
    "ready": "a table with one of url, tcp, log, command, and timeout",
    "ready.url": "a text such as 'http://127.0.0.1:{port}/health'",
    "ready.tcp": "a text such as '127.0.0.1:{port}'",
    "ready.log": "a regular expression that the service's output matches",
    "ready.command": "the words of a command that succeeds, as one text",
    "ready.timeout": "seconds, above 0, or a text such as '30s'",
    "stop": "a table with signal and grace",
    "stop.signal": "a signal such as 'TERM' or 'INT'",
    "stop.grace": "seconds, or a text such as '10s'",
    "metrics": "a list of tables with name, pattern or path, unit and direction",
    "metrics.name": "a text",
    "metrics.pattern": "a regular expression with one group around the number",
    "metrics.path": "names and indices into printed JSON, such as 'latency.percentiles.3'",
    "metrics.unit": "a text, such as 'ms'",
    "metrics.direction": "'less' or 'more': which is better",
}
"""every key, and what is allowed there: the keys of a table after a dot"""

_DEFAULTS = Service(load=())
_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`")
_MISSING = re.compile(r"Object missing required field `(.*?)`")
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


class _Ready(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    url: str = ""
    tcp: str = ""
    log: str = ""
    command: str = ""
    timeout: Time = _DEFAULTS.ready.timeout


class _Stop(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    signal: str | int = _DEFAULTS.stop.signal
    grace: Time = _DEFAULTS.stop.grace


class _Metric(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: str
    pattern: str = ""
    path: str = ""
    unit: str = ""
    direction: Literal["", "less", "more"] = ""


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    start: Words
    load: Words
    concurrency: int | list[int] = 1
    rate: float | list[float] | None = None
    duration: Time = _DEFAULTS.duration
    warmup: Time = _DEFAULTS.warmup
    rest: Time = _DEFAULTS.rest
    cycles: int = _DEFAULTS.cycles
    port: int = _DEFAULTS.port
    reader: Reader | None = None
    directory: str = "."
    setup: str = ""
    prepare: str = ""
    cleanup: str = ""
    timeout: Time | None = None
    success: tuple[int, ...] = (0,)
    ready: _Ready = _Ready()
    stop: _Stop = _Stop()
    metrics: tuple[_Metric, ...] = ()


def read_table(path: Path) -> dict[str, object]:
    """The table of a file.

    Raises:
        CannotGoOn: it cannot be read.
        Misuse: it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CannotGoOn(f"{path}: {error.strerror}; give a workload file that is there") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Misuse(f"{path} is not TOML ({error}); mend it") from None


def load(path: Path) -> Workload:
    """The workload of a file; commands run in its folder unless it names another.

    Raises:
        CannotGoOn: it cannot be read.
        Misuse: it cannot be meant; the message names the key and what is allowed.
    """
    return workload(read_table(path), str(path), path.resolve().parent)


def workload(table: Mapping[str, object], source: str, folder: Path) -> Workload:
    """The workload that a table describes; `source` is where it stands, for messages.

    Raises:
        Misuse: it cannot be meant; the message names the key and what is allowed.
    """
    try:
        given = msgspec.convert(table, _Table)
    except msgspec.ValidationError as error:
        raise Misuse(_told(str(error), table, source)) from None
    with_source = _Checked(source)
    start = with_source.words("start", given.start, STARTING)
    loads = with_source.words("load", given.load, LOADING)
    service = Service(
        load=loads,
        reader=given.reader or of_program(loads[0]),
        levels=with_source.levels(given.concurrency, given.rate),
        duration=with_source.time("duration", given.duration, least=1e-3),
        warmup=with_source.time("warmup", given.warmup),
        rest=with_source.time("rest", given.rest),
        cycles=with_source.number("cycles", given.cycles, 1, 1_000_000),
        ready=with_source.ready(given.ready),
        stop=Stop(signal=with_source.signal(given.stop.signal), grace=with_source.time("stop.grace", given.stop.grace)),
        port=with_source.number("port", given.port, 0, 65_535),
    )
    with_source.agree(service, start)
    return Workload(
        argv=start,
        directory=str((folder / given.directory).resolve()),
        setup=given.setup,
        prepare=given.prepare,
        cleanup=given.cleanup,
        timeout=None if given.timeout is None else with_source.time("timeout", given.timeout, least=1e-3),
        accepted=given.success,
        metrics=tuple(with_source.metric(metric) for metric in given.metrics),
        service=service,
    )


def of_program(program: str) -> Reader:
    """Whose output a load's is, by the name of its program."""
    name = program.rpartition("/")[2]
    return {"wrk2": Reader.WRK}.get(name) or next((one for one in Reader if one.value == name), Reader.GENERIC)


class _Checked:
    """What a type cannot say of a value; every refusal names the source, the key and what is allowed."""

    def __init__(self, source: str) -> None:
        self._source = source

    def refuse(self, key: str, seen: str) -> Misuse:
        return Misuse(f"{self._source}: {key} {seen}; it is {ALLOWED[key]}")

    def words(self, key: str, given: Words, known: Sequence[str]) -> tuple[str, ...]:
        try:
            words = tuple(shlex.split(given) if isinstance(given, str) else given)
        except ValueError as error:
            raise self.refuse(key, f"cannot be split into words ({error})") from None
        if not words or not words[0]:
            raise self.refuse(key, "is empty")
        self.places(key, words, known)
        return words

    def places(self, key: str, words: Iterable[str], known: Sequence[str]) -> None:
        for name in (name for word in words for name in places(word)):
            if name not in known:
                named = " and ".join(f"{{{place}}}" for place in known)
                raise Misuse(f"{self._source}: {key} has {{{name}}}, which is not filled in there; {named} are")

    def time(self, key: str, given: Time, least: float = 0.0) -> float:
        try:
            seconds = parse_duration(given) if isinstance(given, str) else given
        except Misuse:
            raise self.refuse(key, f"is '{given}'") from None
        if not least <= seconds < float("inf"):
            raise self.refuse(key, f"is {given}")
        return float(seconds)

    def number(self, key: str, given: int, least: int, most: int) -> int:
        if not least <= given <= most:
            raise self.refuse(key, f"is {given}")
        return given

    def levels(self, concurrency: int | list[int], rate: float | list[float] | None) -> tuple[Level, ...]:
        counts = [concurrency] if isinstance(concurrency, int) else concurrency
        rates = rate if isinstance(rate, list) else [rate]
        if not counts or min(counts) < 1:
            raise self.refuse("concurrency", f"is {concurrency}")
        if not rates or any(one is not None and not 0 < one < float("inf") for one in rates):
            raise self.refuse("rate", f"is {rate}")
        if len(counts) == 1:
            counts = counts * len(rates)
        elif len(rates) == 1:
            rates = [*rates] * len(counts)
        if len(counts) != len(rates):
            raise self.refuse("rate", f"has {len(rates)} numbers for {len(counts)} of concurrency")
        levels = tuple(Level(concurrency=count, rate=one) for count, one in zip(counts, rates, strict=True))
        heights = [(level.concurrency, level.rate or 0.0) for level in levels]
        for lower, higher in pairwise(heights):
            if lower >= higher or lower[1] > higher[1]:
                key = "concurrency" if len(set(counts)) > 1 or rate is None else "rate"
                raise self.refuse(key, f"is {concurrency if key == 'concurrency' else rate}, which does not climb")
        return levels

    def signal(self, given: str | int) -> str:
        if isinstance(given, int) or given.isdecimal():
            known = {one.value: one.name for one in signal.Signals}
            name = known.get(int(given), "")
        else:
            name = f"SIG{given.upper().removeprefix('SIG')}"
        if name not in signal.Signals.__members__:
            names = (one.name.removeprefix("SIG") for one in signal.Signals)
            raise Misuse(f"{self._source}: stop.signal is '{given}', no signal; {near(str(given).upper(), names)}")
        return name.removeprefix("SIG")

    def ready(self, given: _Ready) -> Ready:
        ways = [name for name in ("url", "tcp", "log", "command") if getattr(given, name)]
        if len(ways) > 1:
            raise Misuse(f"{self._source}: ready has {' and '.join(ways)}; give one of url, tcp, log, command")
        if given.log:
            self.pattern("ready.log", given.log)
        else:
            self.places("ready", (given.url, given.tcp, given.command), STARTING)
        if given.url and not given.url.startswith(("http://", "https://")):
            raise self.refuse("ready.url", f"is '{given.url}'")
        if given.tcp and not given.tcp.rpartition(":")[2].replace("{port}", "1").isdecimal():
            raise self.refuse("ready.tcp", f"is '{given.tcp}'")
        if given.command:
            self.words("ready.command", given.command, STARTING)
        return Ready(
            url=given.url,
            tcp=given.tcp,
            log=given.log,
            command=given.command,
            timeout=self.time("ready.timeout", given.timeout, least=1e-3),
        )

    def metric(self, given: _Metric) -> Metric:
        if not given.name:
            raise self.refuse("metrics.name", "is empty")
        if bool(given.pattern) == bool(given.path):
            which = "both pattern and path" if given.pattern else "neither pattern nor path"
            raise Misuse(f"{self._source}: the metric '{given.name}' has {which}; give one of them")
        if given.pattern and self.pattern("metrics.pattern", given.pattern) != 1:
            raise self.refuse("metrics.pattern", f"of '{given.name}' has no single group")
        is_rate = given.name == "throughput"
        return Metric(
            name=given.name,
            pattern=given.pattern,
            path=given.path,
            unit=given.unit or ("1/s" if is_rate else "ms" if given.name.startswith("latency") else "1"),
            direction=Direction(given.direction or ("more" if is_rate else "less")),
        )

    def pattern(self, key: str, text: str) -> int:
        try:
            return re.compile(text).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise self.refuse(key, f"is '{text}' ({error})") from None

    def agree(self, service: Service, start: Sequence[str]) -> None:
        """What has to fit together: rates with a load that takes one, a port with a service that listens there."""
        if service.is_paced and service.levels[0].rate is None:
            raise Misuse(f"{self._source}: load has {{rate}}, and there is no rate; give rate = 100, or a list")
        if not service.is_paced and service.levels[0].rate is not None:
            raise Misuse(f"{self._source}: there is a rate, and load has no {{rate}}; put it where the load takes it")
        asked = (*service.load, service.ready.url, service.ready.tcp, service.ready.command)
        by_default = not (service.ready.url or service.ready.tcp or service.ready.log or service.ready.command)
        uses = by_default or any("{port}" in word for word in asked)
        if uses and not service.port and not any("{port}" in word for word in start):
            raise Misuse(
                f"{self._source}: start does not say which port it listens on; put {{port}} into it, "
                "or give the one it has with port = 8000"
            )


def _told(error: str, table: Mapping[str, object], source: str) -> str:
    """One line about a value of another type or a key that is not known."""
    place = re.sub(r"\[\.\.\.\]|\[\d+\]", "", found[1]) if (found := _PLACE.search(error)) else ""
    inside = f"{place}." if place else ""
    if unknown := _UNKNOWN.match(error):
        keys = [key.removeprefix(inside) for key in ALLOWED if key.startswith(inside)]
        known = [key for key in keys if "." not in key]
        where = f" [{place}]" if place else ""
        return f"{source}{where} has the unknown key '{unknown[1]}'; {near(unknown[1], known)}"
    if missing := _MISSING.match(error):
        key = f"{inside}{missing[1]}"
        return f"{source}: {key} is missing; it is {ALLOWED[key]}"
    value: object = table
    for name in place.split("."):
        value = value.get(name) if isinstance(value, Mapping) else value
    if isinstance(value, Mapping | list) and place not in ("concurrency", "rate", "success"):
        return f"{source}: {place} is not what it should be ({error.partition(' - at')[0]}); it is {ALLOWED[place]}"
    return f"{source}: {place} is {value!r}; it is {ALLOWED[place]}"
