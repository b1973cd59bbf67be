"""``heapswap run``: become the program, under one candidate. No process stays behind.

What heapswap has to say goes to standard error, which the program shares, so it says little: an error refuses with
one line each, a warning (the swap may not do what is expected) is one line, and notes are for ``--verbose``.

The kernel carries two things through exec that nobody can give back: the CPU time used so far, and the largest resident
set (``ru_maxrss``), which for a small program is this interpreter's. A program that reports either on itself is better
measured by `heapswap trial`, whose launcher is small.
"""

import argparse
import errno
import os
from collections.abc import Mapping
from shlex import join, quote

from heapswap.allocators.activation import activate, disabled, environment
from heapswap.allocators.model import Preloads
from heapswap.allocators.spelling import CURRENT, parse
from heapswap.aside import say, settle
from heapswap.cli import features
from heapswap.cli.main import TYPE_CHECKING, here
from heapswap.cli.output import standard_output
from heapswap.dispositions import environment_at_start, ignored_at_start, restore
from heapswap.errors import CannotGoOn, Misuse
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import Program, find, resolve
from heapswap.scope import SCOPE, scoped

if TYPE_CHECKING:
    from typing import NoReturn

USAGE = "heapswap run [--only] [--dry-run] [-v] [CANDIDATE | --features NAME,…] -- PROGRAM ARGUMENTS"
COMMAND_LINE = "the command line"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = USAGE
    parser.add_argument(
        "candidate",
        metavar="CANDIDATE",
        nargs="?",
        help="LIB[+feature][@version][/recipe][:knob=value,…], such as mimalloc or system:arena_max=2; "
        "without one, what the manifest declares",
    )
    features.configure(parser)
    parser.add_argument("--only", action="store_true", help="for this program alone; what it starts runs without")
    parser.add_argument("--dry-run", action="store_true", help="run nothing; print the environment in shell form")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is worth knowing, too")


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Replace this process by the program; returns only from a dry run.

    Raises:
        Misuse: no command, neither candidate nor manifest, one that cannot be meant, or a second global allocator.
        CannotGoOn: the candidate or the program is not there, or the swap could not take effect.
    """
    if not command:
        raise Misuse(f"no command to run; write: {USAGE}")
    users = environment_at_start()
    wanted = users if disabled(users) else environment_of(arguments, command, users)
    if not arguments.dry_run:
        become(command, wanted, ignored_at_start(os.environ))
    with standard_output("give it a file with room") as stream:
        # Bytes, because words and values need not be text in this locale.
        stream.buffer.write(os.fsencode(shell_form(command, users, wanted) + "\n"))
    return 0


def environment_of(arguments: argparse.Namespace, command: list[str], users: Mapping[str, str]) -> dict[str, str]:
    """The environment that puts the candidate in force, once nothing speaks against it."""
    program = resolve(command[0], users, here(), command[1:])
    spelling, asked, base = arguments.candidate, COMMAND_LINE, users
    if spelling is None or features.are_chosen(arguments):
        spelling, asked, base = _from_manifest(arguments, program, users)
    activation = activate(parse(spelling))
    wanted = environment(activation, base, Preloads.MERGE, asked=asked)
    settle(preflight(program, activation, users), verbose=arguments.verbose)
    return scoped(users, wanted, os.getpid()) if arguments.only else wanted


def _from_manifest(
    arguments: argparse.Namespace, program: Program, users: Mapping[str, str]
) -> tuple[str, str, Mapping[str, str]]:
    """The candidate that the manifest declares, where it was asked for, and the environment with the choice in it."""
    from heapswap.cli import declaring  # noqa: PLC0415 - reading TOML is slow to import, and a candidate needs none

    declared = declaring.declared(arguments, users, declaring.folders_of(program, here()), USAGE)
    if declared.remark:
        say(declared.remark)
    return declared.spelling or CURRENT, declared.asked, declaring.with_features(arguments, users)


def become(command: list[str], environ: Mapping[str, str], ignored: tuple[int, ...]) -> "NoReturn":
    """Replace this process, as execvp(3) would: looked up in PATH, a script without ``#!`` is the shell's.

    Raises:
        CannotGoOn: the kernel refuses.
    """
    restore(ignored)
    try:
        try:
            os.execvpe(command[0], command, environ)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            script = command[0] if "/" in command[0] else str(find(command[0], environ, here()))
            os.execve("/bin/sh", ["/bin/sh", script, *command[1:]], environ)
    except OSError as error:
        raise CannotGoOn(f"'{command[0]}' cannot be started: {error.strerror}; check its name and form") from None


def shell_form(command: list[str], users: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """What would be changed, for ``eval``; as the last line, a comment, the whole as one command.

    A scope belongs to one process: the shell's own (``$$``), which then has to exec the program.
    """

    def value(name: str) -> str:
        if name == SCOPE:
            _, _, names = wanted[name].partition(" ")
            return f"$${quote(f' {names}')}"
        return quote(wanted[name])

    settings = [f"{name}={value(name)}" for name in wanted if wanted[name] != users.get(name)]
    removed = [name for name in users if name not in wanted]
    if SCOPE in wanted:
        whole = f"exec {join(command)}"
    else:
        words = [word for name in removed for word in ("-u", name)] + settings
        whole = " ".join(["env", *words, join(command)])
    comment = whole.replace("\n", "\n# ")  # a word with a newline must not end the comment
    return "\n".join([*(f"export {one}" for one in settings), *(f"unset {name}" for name in removed), f"# {comment}"])
