"""`heapswap inspect`: which allocator a process, a program or a Cargo project uses, on what evidence, and conflicts."""

import argparse
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from heapswap import artifact
from heapswap.cli.main import here
from heapswap.cli.output import standard_output
from heapswap.dispositions import environment_at_start
from heapswap.errors import CannotGoOn, Misuse
from heapswap.inspection.inspect import inspect_program
from heapswap.inspection.model import Inspection, Inspections
from heapswap.inspection.process import inspect_process, readable_processes
from heapswap.report.inspection import inspection_text, overview_text
from heapswap.report.terminal import colour_of, width_of

MANIFEST = "Cargo.toml"
"""the name by which a Rust project is known"""
USAGE = "heapswap inspect (PID | PROGRAM | Cargo.toml | --all) [--json]"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = USAGE
    parser.add_argument(
        "target",
        nargs="?",
        metavar="PID | PROGRAM | Cargo.toml",
        help="a running process, a program to start, or the manifest of a Rust project",
    )
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
    if arguments.target is not None and Path(arguments.target).name == MANIFEST:
        return _project(arguments)
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


def _project(arguments: argparse.Namespace) -> int:
    from heapswap.cargo.inspect import inspect_project  # noqa: PLC0415 - only Rust projects need it
    from heapswap.report.project import project_text  # noqa: PLC0415

    inspection = inspect_project(Path(here(), arguments.target), environment_at_start())
    with standard_output("give it a file with room") as stream:
        if arguments.json:
            stream.write(artifact.encode(artifact.readable(inspection)).decode() + "\n")
        else:
            width, colour = width_of(stream, os.environ), colour_of(stream, os.environ)
            stream.write(project_text(inspection, width=width, colour=colour))
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
