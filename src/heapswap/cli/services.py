"""`--workload workload.toml`, and the same as options: a service that is loaded instead of a command that ends."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from heapswap.errors import Misuse
from heapswap.trials.record import MEASURED
from heapswap.trials.services.account import MADE_HERE
from heapswap.workload import Reader, Workload
from heapswap.workload_file import read_table, workload

_OPTIONS: tuple[tuple[str, str, str, str], ...] = (
    ("--load", "load", "CMD", "what loads it, such as 'wrk -c{concurrency} -d{duration} http://127.0.0.1:{port}/'"),
    ("--concurrency", "concurrency", "N,…", "the steps of the ramp (default: 1)"),
    ("--rate", "rate", "N,…", "requests a second, for {rate} in the load: one for all steps, or one each"),
    ("--duration", "duration", "TIME", "of a step (default: 5s)"),
    ("--warmup", "warmup", "TIME", "load before the first step, not measured (default: 2s)"),
    ("--rest", "rest", "TIME", "without load, then memory at rest is read (default: 15s)"),
    ("--cycles", "cycles", "N", "ramp and rest follow each other so often in every run (default: 1)"),
    ("--port", "port", "N", "the one port it listens on (default: a free one for every run, for {port})"),
    ("--reader", "reader", "KIND", f"whose output the load's is: {', '.join(Reader)} (default: by its name)"),
    ("--ready-url", "ready.url", "URL", "ready when this answers below status 400 (default: its port is open)"),
    ("--ready-tcp", "ready.tcp", "HOST:PORT", "ready when this accepts a connection"),
    ("--ready-log", "ready.log", "REGEX", "ready when its output matches"),
    ("--ready-command", "ready.command", "CMD", "ready when this succeeds"),
    ("--ready-timeout", "ready.timeout", "TIME", "how long it may take to get ready (default: 30s)"),
    ("--stop-signal", "stop.signal", "SIGNAL", "what stops it (default: TERM)"),
    ("--stop-grace", "stop.grace", "TIME", "after which it is killed (default: 10s)"),
)
"""each option, its key in a workload file, what it takes and what it is for"""

ATTRIBUTES = {option: f"service_{key.replace('.', '_')}" for option, key, _, _ in _OPTIONS}
"""the attribute of parsed arguments that holds each of them"""

_LISTS = ("concurrency", "rate")
_NUMBERS = ("cycles", "port")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe a service."""
    group = parser.add_argument_group("a service under load, instead of a command that ends")
    group.add_argument(
        "--workload", metavar="FILE", help="a workload.toml that describes it; options go before what it says"
    )
    for option, _, takes, what in _OPTIONS:
        group.add_argument(option, metavar=takes, dest=ATTRIBUTES[option], help=what.replace("%", "%%"))


def described(arguments: argparse.Namespace, command: Sequence[str] | None) -> Workload | None:
    """The service that a file and options describe; None where neither does.

    Raises:
        Misuse: something cannot be meant, or goes with no service.
        CannotGoOn: the file cannot be read.
    """
    given = {
        key: value for option, key, _, _ in _OPTIONS if (value := getattr(arguments, ATTRIBUTES[option])) is not None
    }
    if arguments.workload is None and "load" not in given:
        if given:
            option = next(option for option, key, _, _ in _OPTIONS if key in given)
            raise Misuse(f"{option} is about a service; give --workload FILE, or what loads it with --load CMD")
        return None
    path = Path(arguments.workload) if arguments.workload is not None else None
    table = {} if path is None else read_table(path)
    for key, value in given.items():
        _put(table, key, _meant(key, value))
    if command:
        table["start"] = list(command)
    if "start" not in table and path is None:
        raise Misuse("--load loads a service, and none is given; put its command behind --")
    source, folder = ("the options", Path.cwd()) if path is None else (str(path), path.resolve().parent)
    found = workload(table, source, folder)
    for metric in found.metrics:
        if metric.name in MEASURED | MADE_HERE:
            raise Misuse(f"{source}: there is a metric '{metric.name}' already; give it another name")
    again = {"--workload": arguments.workload} | {option: given.get(key) for option, key, _, _ in _OPTIONS}
    words = tuple(word for option, value in again.items() if value is not None for word in (option, value))
    return replace(found, source=words)


def _put(table: dict[str, object], key: str, value: object) -> None:
    outer, _, inner = key.rpartition(".")
    if not outer:
        table[key] = value
        return
    below = table.get(outer)
    kept = dict(below) if isinstance(below, dict) else {}
    if outer == "ready" and inner != "timeout":  # one way to be ready takes the place of another
        kept = {name: kept[name] for name in kept if name == "timeout"}
    table[outer] = {**kept, inner: value}


def _meant(key: str, text: str) -> object:
    """The value that a file would have; what is no number is refused as the file's would be."""
    try:
        if key in _NUMBERS:
            return int(text)
        if key in _LISTS:
            return [int(one) if key == "concurrency" else float(one) for one in text.split(",")]
    except ValueError:
        return text
    return text
