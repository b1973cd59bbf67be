"""The options that describe a workload and a trial, and the workload they stand for."""

import argparse
import os
import re
import select
import shutil
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from heapswap import artifact
from heapswap.aside import say
from heapswap.errors import CannotGoOn, Misuse
from heapswap.inspection.files import is_file
from heapswap.trials.record import MEASURED
from heapswap.trials.store import Results
from heapswap.units import parse_duration
from heapswap.verdict.objective import OBJECTIVES
from heapswap.workload import Direction, Metric, Workload

SILENCE = 1.0
"""seconds without a word on standard input, after which somebody is told that it is waited for"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is run, how long, and where the results go."""
    what = parser.add_argument_group("the workload")
    what.add_argument("--stdin", metavar="FILE", help="standard input of every run (default: what is redirected here)")
    what.add_argument("--setup", metavar="CMD", default="", help="shell command run once before, unmeasured")
    what.add_argument("--prepare", metavar="CMD", default="", help="shell command run before every run, unmeasured")
    what.add_argument("--cleanup", metavar="CMD", default="", help="shell command run once after, unmeasured")
    what.add_argument("--timeout", metavar="TIME", type=_duration, help="kill a run and its children after this")
    what.add_argument(
        "--success",
        metavar="STATUS",
        type=int,
        action="append",
        help="an exit status that counts as success (default: 0; may be repeated)",
    )
    what.add_argument(
        "--metric",
        metavar="NAME=REGEX",
        action="append",
        default=[],
        help="a metric of your own: the last match's first group in the program's output; less is better",
    )
    what.add_argument(
        "--more-is-better",
        metavar="NAME",
        action="append",
        default=[],
        help="of this metric of your own, more is better",
    )
    configure_trial(parser)
    configure_results(parser)


def configure_trial(parser: argparse.ArgumentParser, objective: str = "balanced") -> None:
    """Add the options that say what counts, and how long is measured."""
    how = parser.add_argument_group("the trial")
    how.add_argument(
        "--objective", choices=tuple(OBJECTIVES), default=objective, help=f"what counts (default: {objective})"
    )
    how.add_argument("--primary", metavar="METRIC", help="the one metric that decides (default: the objective's)")
    how.add_argument("--budget", metavar="TIME", type=_duration, help="time for all runs, such as 90s or 5m")
    how.add_argument("--seed", type=int, metavar="N", help="seed of the order of runs (default: drawn anew)")


def configure_results(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the results go, and what is shown."""
    out = parser.add_argument_group("the results")
    out.add_argument(
        "--results", metavar="FOLDER", help="where results go (default: a new folder under the XDG state folder)"
    )
    out.add_argument(
        "--json", action="store_true", help="print one JSON object on standard output and nothing else there"
    )
    out.add_argument("-q", "--quiet", action="store_true", help="no progress")
    out.add_argument("--redact", action="store_true", help="leave arguments and logs out of what is saved")
    out.add_argument(
        "--exit-code", action="store_true", help="exit 0 for keep, 10 for adopt, 11 for inconclusive, 12 for unsafe"
    )


def _duration(text: str) -> float:
    """Seconds, more than none. argparse tells the message of this error, and of a ValueError only its type's name."""
    try:
        seconds = parse_duration(text)
    except Misuse as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if seconds == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no time at all; write 90s, 2m or 1h30m")
    return seconds


def required(command: list[str] | None, verb: str) -> tuple[str, ...]:
    """The command to measure.

    Raises:
        Misuse: none was given.
    """
    if not command:
        raise Misuse(f"no command to run; write: heapswap {verb} -- PROGRAM ARGUMENTS")
    return tuple(command)


def workload_of(
    arguments: argparse.Namespace,
    program: str,
    argv: tuple[str, ...],
    results: Results,
    described: Workload | None = None,
) -> Workload:
    """The workload that the options describe; a service is `described` already, and options go before what it says.

    Raises:
        Misuse: an option's value cannot be meant.
        CannotGoOn: the redirected input cannot be kept, or something is named with bytes that are no text.
    """
    basis = described or Workload(argv=argv, directory=str(Path.cwd()))
    # A service has no end of its own, and so no input that it is run for.
    stdin = os.devnull if described is not None and arguments.stdin is None else _input(arguments.stdin, results)
    workload = replace(
        basis,
        program=program,
        argv=argv,
        stdin=stdin,
        setup=arguments.setup or basis.setup,
        prepare=arguments.prepare or basis.prepare,
        cleanup=arguments.cleanup or basis.cleanup,
        timeout=arguments.timeout or basis.timeout,
        accepted=tuple(arguments.success or basis.accepted),
        metrics=(*basis.metrics, *metrics_of(arguments.metric, arguments.more_is_better)),
    )
    try:
        artifact.encode(workload)
    except UnicodeEncodeError as error:
        shown = os.fsencode(error.object).decode("utf-8", "replace")
        raise CannotGoOn(
            f"'{shown}' holds bytes that are not UTF-8, and a saved trial cannot hold them; use a link of another name"
        ) from None
    return workload


def metrics_of(definitions: Sequence[str], more: Sequence[str]) -> tuple[Metric, ...]:
    """The user's own metrics from ``NAME=REGEX`` words and the names of those of which more is better.

    Raises:
        Misuse: a word without a name or with a pattern that is no regular expression with one group, or a name that
            is taken.
    """
    metrics: list[Metric] = []
    for word in definitions:
        name, equals, pattern = word.partition("=")
        if not (name and equals and pattern):
            raise Misuse(f"--metric '{word}' is not NAME=REGEX; write for example --metric 'rps=([0-9.]+) req/s'")
        try:
            groups = re.compile(
                os.fsencode(pattern)
            ).groups  # as it will be: it is the program's bytes that are searched
        except (re.error, ValueError, OverflowError, RecursionError) as error:
            raise Misuse(f"--metric '{word}': {error}; write a regular expression with one group") from None
        if groups != 1:
            raise Misuse(f"--metric '{word}' has {groups} groups; put one pair of parentheses around the number")
        if name in MEASURED or name in {metric.name for metric in metrics}:
            raise Misuse(f"--metric '{word}': there is a metric '{name}' already; give it another name")
        direction = Direction.MORE if name in more else Direction.LESS
        metrics.append(Metric(name=name, pattern=pattern, direction=direction))
    for name in more:
        if name not in {metric.name for metric in metrics}:
            raise Misuse(f"--more-is-better {name}: no such metric; define it with --metric '{name}=REGEX'")
    return tuple(metrics)


def _input(given: str | None, results: Results) -> str:
    """The file every run reads: the one given, a copy of what is redirected here, or /dev/null for a terminal."""
    if given is not None and Path(given) != Path(os.devnull):
        if not is_file(Path(given)):
            raise Misuse(f"--stdin {given} is not a file; give one that can be read anew for every run")
        return str(Path(given).resolve())
    if given is not None or not _is_redirected():
        return os.devnull
    copy = results.folder / "stdin"
    try:
        if not select.select([0], [], [], SILENCE)[0]:
            say("standard input is read to its end first, to give it to every run; --stdin /dev/null gives none")
        with open(0, "rb", closefd=False) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
    except OSError as error:
        raise CannotGoOn(
            f"standard input cannot be copied to {copy}: {error.strerror}; give the file itself with --stdin"
        ) from None
    return str(copy)


def _is_redirected() -> bool:
    """Whether standard input is there and is no terminal or other device."""
    try:
        return not stat.S_ISCHR(os.fstat(0).st_mode)
    except OSError:
        return False
