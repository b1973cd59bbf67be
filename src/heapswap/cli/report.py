"""`heapswap report`: any saved artifact, or two of them compared, for people and for programs."""

import argparse
import os
import sys
from pathlib import Path

from heapswap import artifact
from heapswap.cli.output import standard_output
from heapswap.errors import Misuse
from heapswap.report.folded import read_folded
from heapswap.report.formats import SUFFIXES, Asked, Format, written
from heapswap.report.reading import read
from heapswap.report.terminal import Colour, colour_of, width_of

USAGE = "heapswap report [OPTIONS] FILE [OLD_FILE]"
_BINARY = (Format.HTML, Format.PARQUET)
"""what nobody wants to see on a terminal"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = USAGE
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a trial, verdict, profile or conformance answer that was saved; or a results folder",
    )
    parser.add_argument("old", metavar="OLD_FILE", nargs="?", help="an older one: what changed from it to FILE")
    form = parser.add_mutually_exclusive_group()
    for option, help_ in (
        ("html", "one self-contained page with charts (needs heapswap[report])"),
        ("markdown", "for a pull request"),
        ("json", "the artifact by its published schema"),
        ("csv", "one table of it"),
        ("parquet", "one table of it (needs heapswap[parquet])"),
    ):
        form.add_argument(f"--{option}", dest="format", action="store_const", const=option, help=help_)
    parser.add_argument(
        "--table", metavar="NAME", default="", help="which table of --csv or --parquet (default: the first)"
    )
    parser.add_argument(
        "--folded", metavar="FILE", help="call stacks that profile --folded saved, for the page of a profile"
    )
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
    asked = Asked(
        new=read(Path(arguments.file)),
        place=Path(arguments.file),
        old=read(Path(arguments.old)) if arguments.old else None,
        stacks=read_folded(Path(arguments.folded)) if arguments.folded else None,
        table=arguments.table,
    )
    if output is not None:
        artifact.write(output, written(asked, format_, width=width_of(sys.stderr, os.environ), colour=Colour.NEVER))
        return 0
    with standard_output("name a file with -o") as stream:
        width, colour = width_of(stream, os.environ), colour_of(stream, os.environ)
        data = written(asked, format_, width=width, colour=colour)
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
