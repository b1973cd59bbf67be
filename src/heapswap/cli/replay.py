"""`heapswap replay`: a recorded program's allocations, played under several candidates and compared."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heapswap import native
from heapswap.allocators.model import Candidate
from heapswap.allocators.spelling import CURRENT
from heapswap.cli import measuring, options
from heapswap.cli.builds import Made
from heapswap.cli.entrants import NO_VARIANTS
from heapswap.cli.trial import DEFAULT, candidates_of
from heapswap.errors import Misuse
from heapswap.traces.replay import Script, Speed, compiled, metrics, words

SCRIPT = "replay.script"
"""in the results folder, while the trial runs"""


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
    parser.add_argument("--blocks", metavar="N", type=int, help="confirming blocks of two runs of each (default: 5)")
    configure_replay(parser)
    parser.set_defaults(
        **{"stdin": "/dev/null", "setup": "", "prepare": "", "cleanup": "", "timeout": None, "success": None},
        metric=[],
        more_is_better=[],
    )
    options.configure_trial(parser, objective="heap")
    options.configure_results(parser)


def configure_replay(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what of a recording is played, and how."""
    what = parser.add_argument_group("the replay")
    what.add_argument(
        "--speed",
        choices=tuple(Speed),
        type=Speed,
        default=Speed.MAX,
        help="max: one call after the other; recorded: none before its time, so that memory ages as it did "
        "(default: max)",
    )
    what.add_argument(
        "--process", metavar="PID", type=int, help="which process of the recording (default: the one that did most)"
    )


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Play, measure and show the comparison. Exit status 0 for any answer."""
    if command:
        raise Misuse("a replay needs no program; write: heapswap replay FILE")
    with replayed(arguments, candidates_of(arguments.candidates or DEFAULT)) as (session, _):
        return measuring.finish(session, arguments, measuring.Face.TRIAL)


@contextmanager
def replayed(
    arguments: argparse.Namespace, candidates: tuple[Candidate, ...]
) -> Iterator[tuple[measuring.Session, Script]]:
    """A trial of the replay of a recording, begun; its script lasts as long.

    Raises:
        HeapswapError: the recording cannot be played, or a request cannot be meant.
    """
    trace = Path(arguments.trace).absolute()
    scripts: list[tuple[Path, Script]] = []

    def make(folder: Path) -> Made:
        place = folder.absolute() / SCRIPT
        scripts.append((place, compiled(trace, place, arguments.process)))
        player = str(native.replayer())
        return Made(
            program=player,
            argv0=player,
            variants=NO_VARIANTS,
            source=(),
            more=words(place, arguments.speed),
            metrics=metrics(scripts[-1][1].calls),
        )

    request = measuring.Request(
        argv=(trace.name,),
        make=make,
        candidates=lambda _: candidates,
        baseline=arguments.baseline,
        blocks=arguments.blocks,
    )
    try:
        with measuring.begin(arguments, request) as session:
            yield session, scripts[-1][1]
    finally:
        for place, _ in scripts:
            place.unlink(missing_ok=True)
