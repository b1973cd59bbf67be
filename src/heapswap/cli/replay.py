"""`heapswap replay`: a recorded program's allocations, played under several candidates and compared."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heapswap import native
from heapswap.allocators.model import Candidate
from heapswap.allocators.spelling import CURRENT
from heapswap.cli import measuring, options
from heapswap.cli.builds import Made
from heapswap.cli.entrants import NO_VARIANTS
from heapswap.cli.trial import DEFAULT, candidates_of
from heapswap.errors import Misuse
from heapswap.traces.replay import Script, Speed, compiled, metrics, suited, words

SCRIPT = "replay.script"
"""in the results folder, while the trial runs"""

BUDGET = 60.0
"""seconds, where neither budget nor blocks are given"""

ALONE = {
    **{"stdin": os.devnull, "setup": "", "prepare": "", "cleanup": "", "timeout": None},
    **{"success": None, "metric": (), "more_is_better": ()},
}
"""the workload's options: a replay is told all it needs by its script"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What of a recording is played, and how."""

    place: Path
    script: Script
    speed: Speed


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = "heapswap replay [OPTIONS] FILE"
    parser.add_argument("trace", metavar="FILE", help="a recording made by `heapswap record`")
    parser.add_argument(
        "--candidates",
        metavar="CANDIDATE",
        nargs="+",
        action="extend",
        help=f"what to compare with the baseline, separated by spaces or commas (default: {' '.join(DEFAULT)})",
    )
    parser.add_argument("--baseline", metavar="CANDIDATE", default=CURRENT, help="default: what replays would use here")
    parser.add_argument(
        "--blocks", metavar="N", type=int, help="confirming blocks of two runs of each (default: as the budget allows)"
    )
    configure_replay(parser)
    options.configure_trial(parser, objective="heap")
    options.configure_results(parser)


def configure_replay(parser: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    """Add the options that say what of a recording is played, and how; gives their group."""
    what = parser.add_argument_group("the replay")
    what.add_argument(
        "--speed",
        choices=tuple(Speed),
        type=Speed,
        help="max: one call after the other; recorded: none before its time, so that memory ages as it did "
        "(default: recorded for several threads and at most 30 s, else max)",
    )
    what.add_argument(
        "--process", metavar="PID", type=int, help="which process of the recording (default: the one that did most)"
    )
    return what


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Play, measure and show the comparison. Exit status 0 for any answer."""
    if command:
        raise Misuse("a replay needs no program; write: heapswap replay FILE")
    with replayed(arguments, candidates_of(arguments.candidates or DEFAULT)) as (session, _):
        return measuring.finish(session, arguments, measuring.Face.TRIAL)


@contextmanager
def replayed(
    arguments: argparse.Namespace, candidates: tuple[Candidate, ...]
) -> Iterator[tuple[measuring.Session, Played]]:
    """A trial of the replay of a recording, begun; its script lasts as long.

    Raises:
        HeapswapError: the recording cannot be played, or a request cannot be meant.
    """
    trace = Path(arguments.trace).absolute()
    for option, value in ALONE.items():
        setattr(arguments, option, value)
    played: list[Played] = []

    def make(folder: Path) -> Made:
        place, player = folder.absolute() / SCRIPT, str(native.replayer())
        script = compiled(trace, place, arguments.process)
        played.append(Played(place=place, script=script, speed=arguments.speed or suited(script)))
        return Made(
            program=player,
            argv0=player,
            variants=NO_VARIANTS,
            source=(),
            more=words(place, played[-1].speed),
            metrics=metrics(script.calls),
        )

    request = measuring.Request(
        argv=(trace.name,),
        make=make,
        candidates=lambda _: candidates,
        baseline=arguments.baseline,
        blocks=arguments.blocks,
        least_budget=None if arguments.blocks else BUDGET,
    )
    try:
        with measuring.begin(arguments, request) as session:
            yield session, played[-1]
    finally:
        for one in played:
            one.place.unlink(missing_ok=True)
