"""``heapswap record``: run a program as it is, and write down every call it makes to malloc, in order.

The program has this terminal, its output, its exit status and its signals as without heapswap, which says one line
while it records (on a terminal) and one summary when it has ended.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from heapswap.aside import say
from heapswap.cli import observing
from heapswap.cli.childhood import Child, Ending, ended_like
from heapswap.cli.main import here
from heapswap.cli.options import required
from heapswap.dispositions import environment_at_start, ignored_at_start
from heapswap.errors import CannotGoOn, Misuse
from heapswap.findings import Level
from heapswap.inspection.cgroup import memory_limit
from heapswap.inspection.program import resolve
from heapswap.report.progress import Display, display_of
from heapswap.report.recording import line, summary
from heapswap.traces.record import Limits, Recording, memory_for_rings, pack
from heapswap.units import parse_bytes, parse_duration

USAGE = "heapswap record [OPTIONS] -- PROGRAM ARGUMENTS"
LEAST_SIZE = 1_000_000
QUIET_FOR = 1.0
"""seconds in which nothing is shown"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = USAGE
    parser.add_argument("-o", metavar="FILE", dest="file", help="the trace (default: PROGRAM.heap in this folder)")
    parser.add_argument(
        "--max-size", metavar="SIZE", default="2GB", help="end recording when the trace has this size (default: 2GB)"
    )
    parser.add_argument("--seconds", metavar="N", help="end recording after this time")
    parser.add_argument("--raw", action="store_true", help="do not compress the trace when it has ended")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Run and record; the exit status is the program's own.

    Raises:
        Misuse: no command, or a limit that cannot be meant.
        CannotGoOn: the program cannot be recorded here.
    """
    argv = required(command, "record")
    environ = environment_at_start()
    limits = Limits(
        size=_size(arguments.max_size),
        seconds=None if arguments.seconds is None else parse_duration(arguments.seconds),
        memory=memory_for_rings(memory_limit(), Path(here())),
    )
    _preflight(argv, environ)
    file = Path(arguments.file) if arguments.file else _free(Path(f"{Path(argv[0]).name}.heap"))
    quiet = Display.SILENT if arguments.quiet else display_of(sys.stderr, environ, quiet=False)
    with Recording(file, limits, argv) as recording:
        child = Child(argv, recording.environ(environ), ignored_at_start(os.environ))
        ending = _watched(child, recording, quiet)
        state = recording.finish()
    packed = arguments.raw or pack(file)
    if not arguments.quiet:
        for one in summary(state, file, size=file.stat().st_size, packed=packed, limits=limits):
            say(one)
    return ended_like(ending)


def _watched(child: Child, recording: Recording, display: Display) -> Ending:
    """Until the program has ended; on a terminal with a line of its own meanwhile."""
    shown = False
    while (ending := child.wait(QUIET_FOR)) is None:
        state = recording.look()
        if display is Display.LIVE and state.reason is None:
            sys.stderr.write(f"\r\x1b[K{line(state)}")
            sys.stderr.flush()
            shown = True
        elif shown:
            _clear()
            shown = False
    if shown:
        _clear()
    return ending


def _clear() -> None:
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()


def _preflight(argv: tuple[str, ...], environ: Mapping[str, str]) -> None:
    program = resolve(argv[0], environ, here(), argv[1:])
    found = observing.conflicts(program, environ)
    observing.refuse(found)
    for finding in found:
        if finding.level is Level.WARNING:
            say(f"{finding.level}: {finding.seen}; {finding.remedy}")


def _size(text: str) -> int:
    size = parse_bytes(text)
    if size < LEAST_SIZE:
        raise Misuse(f"--max-size {text} holds next to nothing; give 1MB at least")
    return size


def _free(wanted: Path) -> Path:
    """A name that nothing has: ``lua.heap``, ``lua-2.heap``, …

    Raises:
        CannotGoOn: there are very many.
    """
    for number in range(1, 1000):
        path = wanted if number == 1 else wanted.with_stem(f"{wanted.stem}-{number}")
        if not path.exists():
            return path
    raise CannotGoOn(f"{wanted} and very many like it exist; name the file with -o")
