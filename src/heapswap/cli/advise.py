"""`heapswap advise`: the main job. Inspect the program, profile it, trial what can help, say what to do."""

import argparse
from collections.abc import Iterable
from functools import partial

from heapswap.allocators.model import Candidate
from heapswap.allocators.promise import default_candidates
from heapswap.allocators.spelling import SYSTEM
from heapswap.cli import builds, measuring, options, predicting, services
from heapswap.cli.beginning import First
from heapswap.cli.entrants import NobodyEnters
from heapswap.inspection.program import Program

BUILT = ("mimalloc", "jemalloc")
"""candidates of a Cargo project that are builds of it"""
BUDGET = 120.0
"""seconds, where no budget is given"""
SERVICE_BUDGET = 420.0
"""the same of a service, which is loaded for a while and rests: the whole command then ends within 8 minutes, although
its last run takes twice as long as was foreseen; more where the fewest runs that an answer rests on take longer"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = "heapswap advise [OPTIONS] (-- PROGRAM ARGUMENTS | --cargo PATH | --workload FILE | --from FILE)"
    parser.add_argument(
        "--skip-profile",
        action="store_true",
        help="try every candidate, whatever the first run's profile would say",
    )
    predicting.configure(parser)
    options.configure(parser)
    builds.configure(parser)
    services.configure(parser)


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Measure and answer. Exit status 0 for any answer."""
    if arguments.trace is not None:
        return predicting.execute(arguments, command)
    predicting.refuse_without_recording(arguments)
    choose = partial(promising, objective=arguments.objective, cargo=bool(arguments.cargo))
    subject = measuring.subject(arguments, command, "advise", choose(None))
    if arguments.budget is None and subject.described is None:
        arguments.budget = BUDGET
    first = First.PLAIN if arguments.skip_profile else First.PROFILED
    request = measuring.Request(
        argv=subject.argv,
        make=subject.make,
        described=subject.described,
        candidates=choose,
        least_budget=SERVICE_BUDGET,
        first=first,
    )
    try:
        with measuring.begin(arguments, request) as session:
            return measuring.finish(session, arguments, measuring.Face.ADVICE)
    except NobodyEnters as refusal:
        return measuring.without_runs(arguments, request, refusal)


def promising(program: Program | None, *, objective: str, cargo: bool) -> Iterable[Candidate]:
    """The candidates worth a trial for this program, the most promising first.

    Of a Cargo project those that can be shipped with it: its own builds, and the C library's knobs.
    """
    python = str(program.python or "") if program else ""
    ordered = default_candidates(python=python, objective=objective)
    return tuple(one for one in ordered if one.library == SYSTEM or str(one) in BUILT) if cargo else ordered
