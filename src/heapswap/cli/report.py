"""`heapswap report`: any saved artifact, two of them compared, or a trace, for people and for programs."""

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from heapswap import artifact
from heapswap.cli.output import standard_output
from heapswap.errors import Misuse
from heapswap.report.folded import read_folded
from heapswap.report.formats import SUFFIXES, Asked, Format, written
from heapswap.report.reading import read
from heapswap.report.terminal import Colour, colour_of, width_of
from heapswap.report.trace import trace_written, write_events
from heapswap.traces.model import By
from heapswap.traces.trace import is_trace

USAGE = "heapswap report [OPTIONS] FILE [OLD_FILE]"
_BINARY = (Format.HTML, Format.PARQUET)
"""what nobody wants to see on a terminal"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = USAGE
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a trial, verdict, profile, prediction or conformance answer that was saved; a results folder; or a trace",
    )
    parser.add_argument("old", metavar="OLD_FILE", nargs="?", help="an older one: what changed from it to FILE")
    form = parser.add_mutually_exclusive_group()
    for option, help_ in (
        ("html", "one self-contained page with charts (needs heapswap[report])"),
        ("markdown", "for a pull request"),
        ("json", "the artifact by its published schema"),
        ("csv", "one table of it"),
        ("parquet", "one table of it, or a trace event by event (needs heapswap[parquet])"),
    ):
        form.add_argument(f"--{option}", dest="format", action="store_const", const=option, help=help_)
    parser.add_argument(
        "--table", metavar="NAME", default="", help="which table of --csv or --parquet (default: the first)"
    )
    parser.add_argument(
        "--folded", metavar="FILE", help="call stacks that profile --folded saved, for the page of a profile"
    )
    parser.add_argument("--by", choices=[by.value for by in By], help="a trace by one thing, a row each")
    parser.add_argument("-o", metavar="FILE", dest="output", help="write here; its ending says the format, too")


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Read, write. Exit status 0.

    Raises:
        Misuse: a command, a format that a terminal cannot show, two that cannot be compared, an unknown table.
        CannotGoOn: no artifact, or what the format needs is not installed.
    """
    if command is not None:
        raise Misuse(f"'heapswap report' takes no command; write: {USAGE}")
    output = Path(arguments.output) if arguments.output else None
    format_ = _format(arguments.format, output)
    if output is None and format_ in _BINARY and sys.stdout is not None and sys.stdout.isatty():
        raise Misuse(f"a terminal cannot show {format_.upper()}; name a file, for example -o report.{format_}")
    if is_trace(Path(arguments.file)):
        return _trace(arguments, format_, output)
    if arguments.by:
        raise Misuse(f"--by is for a trace, and {arguments.file} is none; leave it out")
    asked = Asked(
        new=read(Path(arguments.file)),
        place=Path(arguments.file),
        old=read(Path(arguments.old)) if arguments.old else None,
        stacks=read_folded(Path(arguments.folded)) if arguments.folded else None,
        table=arguments.table,
    )
    return _put(partial(written, asked, format_), format_, output)


def _trace(arguments: argparse.Namespace, format_: Format, output: Path | None) -> int:
    if arguments.old or arguments.folded or arguments.table:
        raise Misuse("a trace is neither compared nor has tables or stacks; ask with --by")
    path = Path(arguments.file)
    if format_ is Format.PARQUET and not arguments.by:
        return _events(path, output)
    by = By(arguments.by) if arguments.by else None
    return _put(partial(trace_written, path, by, format_), format_, output)


def _events(path: Path, output: Path | None) -> int:
    """Event by event, which may be more than memory holds."""
    if output is not None:
        artifact.replace(output, partial(write_events, path))
        return 0
    with standard_output("name a file with -o") as stream:
        stream.flush()
        write_events(path, stream.buffer)
    return 0


def _put(make: Callable[..., bytes], format_: Format, output: Path | None) -> int:
    if output is not None:
        artifact.write(output, make(width=width_of(sys.stderr, os.environ), colour=Colour.NEVER))
        return 0
    with standard_output("name a file with -o") as stream:
        data = make(width=width_of(stream, os.environ), colour=colour_of(stream, os.environ))
        if format_ is Format.PARQUET:
            stream.flush()
            stream.buffer.write(data)
            stream.buffer.flush()
        else:
            stream.write(data.decode())
    return 0


def _format(option: str | None, output: Path | None) -> Format:
    if option is not None:
        return Format(option)
    if output is None:
        return Format.TEXT
    if output.suffix not in SUFFIXES:
        raise Misuse(f"{output}: its ending says no format; add --html, --markdown, --json, --csv or --parquet")
    return SUFFIXES[output.suffix]
