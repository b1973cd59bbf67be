"""The whole program on one page: pick the verb, parse, act, report errors in one line."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from heapswap import __version__
from heapswap.errors import HeapswapError

VERBS = {
    "advise": "inspect the program, trial the candidates, and say which change helps",
    "trial": "run a program under several candidates and compare",
    "run": "run a program under one candidate",
    "inspect": "which allocator a process or a program really uses",
    "allocators": "which allocators exist here, and their knobs",
}
"""Each verb is the module `heapswap.cli.VERB` with `configure(parser)` and `execute(arguments, command) -> int`."""

EPILOG = "Exit status: 0 for any answer, 2 misuse, 3 cannot go on; `run` returns the program's own."


def main(argv: Sequence[str] | None = None) -> int:
    """Run heapswap with `argv` (default: the process's own) and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    words, command = split_command(words)
    try:
        arguments = parse(words)
        return int(import_module(f"heapswap.cli.{arguments.verb}").execute(arguments, command))
    except HeapswapError as error:
        print(f"heapswap: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130


def split_command(words: list[str]) -> tuple[list[str], list[str] | None]:
    """What stands before the first ``--`` and what follows it; None where there is no ``--``."""
    if "--" not in words:
        return words, None
    at = words.index("--")
    return words[:at], words[at + 1 :]


def parse(words: list[str]) -> argparse.Namespace:
    """Parse the words before ``--``; only the chosen verb's module is imported. Misuse exits with status 2."""
    parser = argparse.ArgumentParser(
        prog="heapswap",
        description="Is the memory allocator costing this program, and which change would really help?",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"heapswap {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for verb, summary in VERBS.items():
        verb_parser = verbs.add_parser(verb, help=summary, description=summary, epilog=EPILOG)
        if verb == chosen:
            import_module(f"heapswap.cli.{verb}").configure(verb_parser)
    return parser.parse_args(words)
