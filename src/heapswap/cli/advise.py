"""`heapswap advise`: the main job. Inspect the program, trial the candidates in order of promise, say what to do."""

import argparse
from collections.abc import Iterable
from functools import partial

from heapswap.allocators.model import Candidate
from heapswap.allocators.promise import default_candidates
from heapswap.cli import measuring, options
from heapswap.cli.entrants import NobodyEnters
from heapswap.inspection.program import Program

BUDGET = 120.0
"""seconds, where no budget is given"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = "heapswap advise [OPTIONS] -- PROGRAM ARGUMENTS"
    options.configure(parser)
    parser.set_defaults(budget=BUDGET)


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Measure and answer. Exit status 0 for any answer."""
    request = measuring.Request(
        argv=options.required(command, "advise"),
        candidates=partial(promising, objective=arguments.objective),
    )
    try:
        with measuring.begin(arguments, request) as session:
            return measuring.finish(session, arguments, measuring.Face.ADVICE)
    except NobodyEnters as refusal:
        return measuring.without_runs(arguments, request, refusal)


def promising(program: Program, *, objective: str) -> Iterable[Candidate]:
    """The candidates worth a trial for this program, the most promising first."""
    return default_candidates(python=str(program.python or ""), objective=objective)
