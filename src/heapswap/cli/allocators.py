"""`heapswap allocators`: what exists here, what is missing, and the knobs of one family."""

import argparse
import os

from heapswap import artifact
from heapswap.allocators import inventory, registry, spelling
from heapswap.allocators.model import Allocator
from heapswap.cli.output import standard_output
from heapswap.errors import Misuse
from heapswap.report import inventory as report
from heapswap.report.terminal import width_of


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="show the recipes and knobs of this family")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """List what is here."""
    if command is not None:
        raise Misuse("'heapswap allocators' takes no command; leave out what follows --")
    chosen = _family(arguments.name) if arguments.name else None
    taken = inventory.take((chosen,) if chosen else registry.families())
    with standard_output("give it a file with room") as stream:
        width = width_of(stream, os.environ)
        if arguments.json:
            stream.write(artifact.encode(artifact.readable(taken)).decode() + "\n")
        elif chosen:
            stream.write(report.details(chosen, taken, width))
        else:
            stream.write(report.overview(taken, width))
    return 0


def _family(name: str) -> Allocator:
    return registry.family(registry.c_library()[0] if name == spelling.SYSTEM else name)
