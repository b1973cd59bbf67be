"""`heapswap advise --from FILE`: what a recording lets predict about the program, without running it."""

import argparse
from pathlib import Path

from heapswap.allocators.promise import default_candidates
from heapswap.allocators.spelling import CURRENT
from heapswap.artifact import encode, text
from heapswap.cli import measuring
from heapswap.cli.replay import Played, configure_replay, replayed
from heapswap.errors import Misuse
from heapswap.report.prediction import prediction_json, prediction_text
from heapswap.report.reading import PREDICTION
from heapswap.report.terminal import Colour
from heapswap.traces.trace import Trace
from heapswap.verdict.model import Verdict
from heapswap.verdict.objective import HEAP
from heapswap.verdict.prediction import Fidelity, Prediction, predict

BLOCKS = 2
"""of the best: memory has nearly no noise, and nothing is adopted on a prediction"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of predictions."""
    configure_replay(parser).add_argument(
        "--from", dest="trace", metavar="FILE", help="predict from a recording instead of running the program"
    )


def refuse_without_recording(arguments: argparse.Namespace) -> None:
    """Options of a replay say nothing about a run.

    Raises:
        Misuse: one is given.
    """
    for option in ("speed", "process"):
        if getattr(arguments, option) is not None:
            raise Misuse(f"--{option} is about a recording; name it with --from FILE")


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Replay under the candidates, and tell what that predicts. Exit status 0 for any answer."""
    if command or arguments.cargo or getattr(arguments, "workload", None):
        raise Misuse("--from FILE predicts from a recording and runs no program; leave one of the two out")
    arguments.objective, arguments.primary = HEAP, None
    arguments.baseline, arguments.blocks = CURRENT, BLOCKS
    with replayed(arguments, tuple(default_candidates(python="", objective="memory"))) as (session, played):
        metadata = Trace.open(Path(arguments.trace)).counts.metadata
        program = () if arguments.redact else tuple(map(text, metadata.get("arguments", ())))
        telling = _telling(text(arguments.trace), program, played)
        return measuring.finish(session, arguments, measuring.Face.ADVICE, telling=telling)


def _telling(recording: str, program: tuple[str, ...], played: Played) -> measuring.Telling:
    """The verdict on the replay as a prediction for the program."""

    def predicted(verdict: Verdict) -> Prediction:
        return predict(verdict, recording, _fidelity(played), program)

    def told(verdict: Verdict, results: str, width: int, colour: Colour) -> str:
        return prediction_text(predicted(verdict), results=results, width=width, colour=colour)

    return measuring.Telling(
        text=told,
        json=lambda verdict: prediction_json(predicted(verdict)),
        beside={PREDICTION: lambda verdict: encode(predicted(verdict))},
    )


def _fidelity(played: Played) -> Fidelity:
    script = played.script
    return Fidelity(
        speed=played.speed.value,
        calls=script.calls,
        threads=script.threads,
        seconds=script.seconds,
        cpu_seconds=script.cpu_seconds,
        unknown_frees=script.unknown_frees,
        lost_frees=script.lost_frees,
        touched=script.large_bytes_told / script.large_bytes if script.large_bytes else None,
    )
