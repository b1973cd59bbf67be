"""`heapswap profile`: one run of a command under the probe, and what it asked of its allocator."""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from heapswap import artifact
from heapswap.allocators.activation import activate
from heapswap.allocators.model import Activation
from heapswap.allocators.spelling import CURRENT, parse
from heapswap.artifact import text
from heapswap.cli import observing
from heapswap.cli.observing import Observer
from heapswap.cli.options import required
from heapswap.cli.output import standard_output
from heapswap.dispositions import environment_at_start, ignored_at_start
from heapswap.errors import CannotGoOn, Misuse
from heapswap.findings import Finding, Level
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import Program, find, resolve
from heapswap.profiling.glance import glance
from heapswap.profiling.place import Depth
from heapswap.profiling.watch import Watch
from heapswap.report.glance import GlanceReport
from heapswap.report.profile import profile_text
from heapswap.report.progress import display_of
from heapswap.report.terminal import colour_of, width_of
from heapswap.trials.arms import Arm, arm
from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Slot, Stage
from heapswap.trials.store import beside, default_folder
from heapswap.units import parse_duration

USAGE = "heapswap profile [OPTIONS] ([CANDIDATE] -- PROGRAM ARGUMENTS | --pid PID)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = USAGE
    parser.add_argument(
        "candidate", metavar="CANDIDATE", nargs="?", default=CURRENT, help="run it under this one (default: as it is)"
    )
    parser.add_argument("--pid", metavar="PID", type=int, help="a process that is running already, from outside")
    parser.add_argument("--seconds", metavar="N", help="how long it is observed (default: 30)")
    parser.add_argument("--against", metavar="FILE", help="compare it with this profile of another process")
    parser.add_argument("--stdin", metavar="FILE", help="standard input (default: what is redirected here)")
    parser.add_argument("--timeout", metavar="TIME", help="kill the run and its children after this")
    parser.add_argument("-o", metavar="FILE", dest="file", help="save the profile here (default: in the folder)")
    parser.add_argument(
        "--folded", metavar="FILE", help="save call stacks and the bytes they requested here, for flame graphs"
    )
    parser.add_argument(
        "--no-stacks",
        action="store_const",
        const=Depth.CALLS,
        default=Depth.STACKS,
        dest="depth",
        help="take no call stacks: no call sites",
    )
    parser.add_argument(
        "--results", metavar="FOLDER", help="where the program's output goes (default: XDG state folder)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output, nothing else")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    parser.add_argument("--redact", action="store_true", help="leave arguments out of what is saved and printed")


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Run, save, show. Exit status 0 whatever the program does: how it ended is part of the answer.

    Raises:
        Misuse: no command, or an option that cannot be meant.
        CannotGoOn: the program cannot be observed here.
    """
    if arguments.pid is not None:
        return _outside(arguments, command)
    if arguments.seconds is not None or arguments.against is not None:
        raise Misuse("--seconds and --against go with --pid")
    argv = required(command, "profile")
    environ = environment_at_start()
    program = resolve(argv[0], environ, _directory(), argv[1:])
    candidate = parse(arguments.candidate)
    activation = activate(candidate)
    findings = _preflight(program, activation, environ)
    folder = _folder(arguments, argv[0], environ)
    chosen = arm(activation, environ)
    display = display_of(sys.stderr, environ, quiet=arguments.quiet or arguments.json)

    def shown(files: Path, watch: Watch) -> GlanceReport:
        return GlanceReport(
            sys.stderr, display=display, source=lambda: glance(files, watch.timelines), environ=environment_at_start()
        )

    with LaunchExecutor() as executor:
        observer = Observer(executor, arguments.depth, shown)
        observer.execute(_order(arguments, argv, chosen, folder))
    assert observer.profile is not None  # there was a run
    if arguments.folded:
        artifact.write(Path(arguments.folded), observer.folded.encode())
    profile = replace(observer.profile, findings=(*findings, *observer.profile.findings))
    if arguments.redact:
        profile = profile.redacted()
    file = Path(arguments.file) if arguments.file else folder / "profile.json"
    data = artifact.encode(profile)
    artifact.write(file, data)
    with standard_output(f"it is saved in {file}") as stream:
        if arguments.json:
            stream.write(data.decode() + "\n")
        else:
            width, colour = width_of(stream, environ), colour_of(stream, environ)
            stream.write(profile_text(profile, saved=str(file), output=str(folder), width=width, colour=colour))
    return 0


def _outside(arguments: argparse.Namespace, command: list[str] | None) -> int:
    given = (arguments.stdin, arguments.timeout, arguments.results, arguments.folded)
    if command is not None or arguments.candidate != CURRENT or any(one is not None for one in given):
        raise Misuse("--pid observes a process as it runs: no command, candidate or folder goes with it")
    from heapswap.cli import profile_outside  # noqa: PLC0415 - only where a process is observed

    return profile_outside.execute(arguments)


def _order(arguments: argparse.Namespace, argv: tuple[str, ...], chosen: Arm, folder: Path) -> Order:
    """The run, without the probe."""
    directory = _directory()
    return Order(
        slot=Slot(stage=Stage.WARM_UP, block=0, position=0, candidate=chosen.spelling),
        program=str(find(argv[0], environment_at_start(), directory)),
        argv=argv,
        environ=chosen.environ,
        directory=str(directory),
        stdin=_input(arguments.stdin),
        timeout=_timeout(arguments.timeout),
        accepted=(0,),
        metrics=(),
        folder=folder,
        expected=chosen.expected,
        ignored_signals=ignored_at_start(os.environ),
    )


def _preflight(program: Program, activation: Activation, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """Doubts about the candidate, and about preloading the probe.

    Raises:
        CannotGoOn: one of them stands against the run.
    """
    found = tuple(dict.fromkeys((*preflight(program, activation, environ), *observing.conflicts(program, environ))))
    observing.refuse(found)
    warnings = (one for one in found if one.level is Level.WARNING)
    return tuple(replace(one, seen=text(one.seen), remedy=text(one.remedy)) for one in warnings)


def _directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise CannotGoOn(f"the current folder: {error.strerror}; start from a folder that exists") from None


def _folder(arguments: argparse.Namespace, program: str, environ: Mapping[str, str]) -> Path:
    """A new folder for the program's output."""
    if arguments.results:
        folder = Path(arguments.results)
    else:
        folder = beside(Path(arguments.file)) if arguments.file else default_folder(program, environ)
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise Misuse(f"{folder} exists; give another with --results") from None
    except OSError as error:
        raise CannotGoOn(f"{folder} cannot be made: {error.strerror}; give another with --results") from None
    return folder.absolute()


def _input(given: str | None) -> str:
    """A path that leads to the program's standard input."""
    if given is not None:
        return str(Path(given).absolute())
    if sys.stdin is None or sys.stdin.isatty():
        return os.devnull
    return f"/proc/{os.getpid()}/fd/0"


def _timeout(given: str | None) -> float | None:
    return None if given is None else parse_duration(given)
