"""The whole program on one page: pick the verb, parse, act, report errors in one line."""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module

from heapswap import __version__
from heapswap.aside import say
from heapswap.errors import HeapswapError, Misuse, status_after

TYPE_CHECKING = False  # not typing's own: its import costs as much as all of heapswap run's work
if TYPE_CHECKING:
    from typing import NoReturn

VERBS = {
    "advise": "inspect the program, trial the candidates, and say which change helps",
    "trial": "run a program under several candidates and compare",
    "profile": "what a program asks of its allocator, and what that costs it",
    "record": "write down every call of a program to malloc, in order",
    "replay": "play a recorded program's allocations under several candidates and compare",
    "run": "run a program under one candidate, or under what its manifest declares",
    "check": "is what was declared in force, in every process?",
    "inspect": "which allocator a process or a program really uses",
    "allocators": "which allocators exist here, and their knobs",
    "deploy": "put a choice into a project, an image or a service, and take it back",
    "report": "a saved answer as a page, Markdown or data; or two compared",
    "conform": "does a malloc library keep the promises that programs rely on",
}
"""Each verb is the module `heapswap.cli.VERB` with `configure(parser)` and `execute(arguments, command) -> int`."""

EPILOG = """Exit status: 0 for any answer, 2 misuse, 3 cannot go on; `run` returns the program's own,
`trial --against` 13 where the earlier choice is no longer right."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run heapswap with `argv` (default: the process's own) and return its exit status."""
    try:
        return _answered(argv)
    finally:
        _settle()


def _answered(argv: Sequence[str] | None) -> int:
    words, command = split_command(list(sys.argv[1:] if argv is None else argv))
    try:
        verb, options = split_verb(words)
        gc.disable()  # importing makes much, and no garbage
        module = import_module(f"heapswap.cli.{verb}")
        gc.enable()
        parser = Parser(prog=f"heapswap {verb}", description=VERBS[verb], epilog=EPILOG, formatter_class=_FORMATTER)
        module.configure(parser)
        return int(module.execute(parser.parse_args(options), command))
    except HeapswapError as error:
        say(str(error))
        return error.exit_status
    except KeyboardInterrupt as interruption:
        return status_after(interruption)


def _settle() -> None:
    """Drop what standard streams could not take: Python would complain at its end, and change the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - pathlib is slow to import
                os.dup2(nowhere.fileno(), stream.fileno())


def split_command(words: list[str]) -> tuple[list[str], list[str] | None]:
    """What stands before the first ``--`` and what follows it; None where there is no ``--``."""
    if "--" not in words:
        return words, None
    at = words.index("--")
    return words[:at], words[at + 1 :]


def split_verb(words: list[str]) -> tuple[str, list[str]]:
    """The verb and its options. ``--help`` and ``--version`` before a verb print and exit.

    Raises:
        Misuse: no verb, or an unknown one.
    """
    at = next((index for index, word in enumerate(words) if not word.startswith("-")), len(words))
    if at > 0:
        _front_page().parse_args(words[:at])
    if at == len(words):
        raise Misuse(f"no verb; choose from {', '.join(VERBS)}")
    verb = words[at]
    if verb not in VERBS:
        raise Misuse(f"no verb '{verb}'; choose from {', '.join(VERBS)}")
    return verb, words[at + 1 :]


def here() -> str:
    """The current folder, by a name that holds even where it was removed: a program may still be started there."""
    try:
        return os.getcwd()  # noqa: PTH109 - a string is what is wanted
    except OSError:
        return "/proc/self/cwd"


_FORMATTER = partial(argparse.HelpFormatter, width=80)
"""Without a width argparse imports shutil, for every option that is added, to ask the terminal."""


class Parser(argparse.ArgumentParser):
    """Misuse is one line, as everywhere."""

    def error(self, message: str) -> "NoReturn":
        _, _, word = message.partition("unrecognized arguments: ")
        is_program = "-- PROGRAM" in (self.usage or "") and word and not word.startswith("-")
        raise Misuse(f"{message}; {'put -- before the program, or ' if is_program else ''}see {self.prog} --help")


def _front_page() -> argparse.ArgumentParser:
    verbs = "\n".join(f"  {verb:12}{summary}" for verb, summary in VERBS.items())
    parser = Parser(
        prog="heapswap",
        usage="heapswap VERB [OPTIONS] [-- PROGRAM ARGUMENTS]",
        description=f"Is the memory allocator costing this program, and which change would really help?\n\n{verbs}",
        epilog=f"{EPILOG}\n`heapswap VERB --help` explains one verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"heapswap {__version__}")
    return parser
