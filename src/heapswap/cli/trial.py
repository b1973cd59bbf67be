"""`heapswap trial`: run a program under several candidates and compare."""

import argparse
from pathlib import Path

from heapswap.allocators.model import Candidate
from heapswap.allocators.spelling import CURRENT, is_setting, parse
from heapswap.cli import against, builds, measuring, options, services
from heapswap.errors import Misuse

DEFAULT = ("mimalloc", "jemalloc")
"""Candidates of a trial that names none."""

PLANNED = {
    **{f"--{name}": name for name in ("candidates", "blocks", "budget", "primary", "seed", "results")},
    **{f"--{name}": name for name in ("stdin", "setup", "prepare", "cleanup", "timeout", "success", "metric")},
    **{f"--{name}": name for name in ("cargo", "package", "bin", "bench", "features")},
    "--workload": "workload",
    **services.ATTRIBUTES,
    "-o": "file",
}
"""Options that a trial has settled once it has begun, and the attributes that hold them."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = "heapswap trial [OPTIONS] (-- PROGRAM ARGUMENTS | --cargo PATH | --workload FILE)"
    parser.add_argument(
        "--candidates",
        metavar="CANDIDATE",
        nargs="+",
        action="extend",
        help=f"what to compare with the baseline, separated by spaces or commas (default: {' '.join(DEFAULT)})",
    )
    parser.add_argument("--baseline", metavar="CANDIDATE", default=CURRENT, help="default: what runs today")
    parser.add_argument(
        "--blocks", metavar="N", type=int, help="confirming blocks of two baseline and two candidate runs"
    )
    parser.add_argument("--resume", metavar="PLACE", help="continue the trial in this results folder or file")
    parser.add_argument("-o", metavar="FILE", dest="file", help="save the trial here, after every run")
    options.configure(parser)
    builds.configure(parser)
    services.configure(parser)
    against.configure(parser)


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Measure and show the comparison. Exit status 0 for any answer; 13 where the choice held against is wrong now."""
    earlier = against.held(arguments)
    if arguments.resume is not None:
        if command:
            raise Misuse("--resume continues the command it was started with; give no command")
        if given := [option for option, name in PLANNED.items() if getattr(arguments, name)]:
            raise Misuse(f"--resume continues a trial as it was planned; leave out {', '.join(given)}")
        opened = measuring.resume(arguments)
    else:
        if arguments.blocks is not None and arguments.blocks < 1:
            raise Misuse(f"--blocks {arguments.blocks}: at least one block is needed")
        words = arguments.candidates or ()
        if earlier is not None:
            words = earlier.candidates(words, DEFAULT)
            earlier.settle(arguments)
        candidates = candidates_of(words or DEFAULT)
        subject = measuring.subject(arguments, command, "trial", candidates)
        request = measuring.Request(
            argv=subject.argv,
            make=subject.make,
            described=subject.described,
            candidates=lambda _: candidates,
            baseline=arguments.baseline,
            blocks=arguments.blocks,
            file=Path(arguments.file) if arguments.file else None,
        )
        opened = measuring.begin(arguments, request)
    with opened as session:
        return measuring.finish(session, arguments, measuring.Face.TRIAL, earlier.judge if earlier else None)


def candidates_of(words: list[str] | tuple[str, ...]) -> tuple[Candidate, ...]:
    """Candidates from words; commas separate candidates, and knobs of one candidate where a colon opened them.

    Raises:
        Misuse: a word that is no candidate, or none at all.
    """
    spellings: list[str] = []
    for word in words:
        for piece in word.split(","):
            if spellings and is_setting(piece) and ":" in spellings[-1]:
                spellings[-1] += f",{piece}"
            elif piece:
                spellings.append(piece)
    if not spellings:
        raise Misuse("--candidates names none; give for example --candidates mimalloc jemalloc")
    return tuple(parse(spelling) for spelling in spellings)
