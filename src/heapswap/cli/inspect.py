"""`heapswap inspect`: which allocator a process or a program really uses, on what evidence, and what conflicts."""

import argparse
import os
from collections.abc import Iterator
from contextlib import suppress

from heapswap import artifact
from heapswap.cli.main import here
from heapswap.cli.output import standard_output
from heapswap.errors import CannotGoOn, Misuse
from heapswap.inspection.inspect import inspect_program
from heapswap.inspection.model import Inspection, Inspections
from heapswap.inspection.process import inspect_process, readable_processes
from heapswap.report.inspection import inspection_text, overview_text
from heapswap.report.terminal import colour_of, width_of

USAGE = "heapswap inspect (PID | PROGRAM | --all) [--json]"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = USAGE
    parser.add_argument("target", nargs="?", metavar="PID | PROGRAM", help="a running process, or a program to start")
    parser.add_argument("--all", action="store_true", help="every process that this user may read")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Inspect and print.

    Raises:
        Misuse: nothing, or too much, to inspect.
        CannotGoOn: no such process or program, or it may not be read.
    """
    if command is not None or (arguments.target is None) != arguments.all:
        raise Misuse(f"one thing to inspect is needed; write: {USAGE}")
    inspections = tuple(_all() if arguments.all else (_one(arguments.target),))
    with standard_output("give it a file with room") as stream:
        width, colour = width_of(stream, os.environ), colour_of(stream, os.environ)
        if arguments.json:
            stream.write(artifact.encode(artifact.readable(Inspections(inspections=inspections))).decode() + "\n")
        elif arguments.all:
            stream.write(overview_text(inspections, width=width, colour=colour))
        else:
            stream.write(inspection_text(inspections[0], width=width, colour=colour))
    return 0


def _one(target: str) -> Inspection:
    if target.isascii() and target.isdigit():
        return inspect_process(int(target))
    return inspect_program(target, os.environ, here())


def _all() -> Iterator[Inspection]:
    for pid in readable_processes():
        # It may have ended since.
        with suppress(CannotGoOn):
            yield inspect_process(pid)
