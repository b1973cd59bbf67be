"""`heapswap trial --against`: an earlier verdict's choice is tried again, and held to what it was."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heapswap.allocators.spelling import CURRENT, parse
from heapswap.aside import say
from heapswap.errors import Misuse
from heapswap.report import github
from heapswap.report.comparison.choice import Answer, Standing, chosen, still_right
from heapswap.report.document.verdict import verdict_document
from heapswap.report.lines import printable
from heapswap.report.markdown import markdown, prose
from heapswap.report.reading import Answered, answered, read
from heapswap.trials.model import Trial
from heapswap.units import parse_share
from heapswap.verdict.model import Verdict
from heapswap.verdict.objective import OBJECTIVES

STOPPED = 13
"""exit status where the choice stopped being right"""
ALLOWED = 0.05
"""without --fail-if-worse"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options that hold a trial against an earlier one."""
    group = parser.add_argument_group("an earlier answer")
    group.add_argument(
        "--against", metavar="FILE", help="a verdict or trial: try its choice again, and say whether it is still right"
    )
    group.add_argument(
        "--fail-if-worse",
        metavar="PERCENT",
        type=_share,
        help=f"exit {STOPPED} where the choice is worse by more than this, beyond doubt (with --against; default: 5%%)",
    )


def _share(text: str) -> float:
    try:
        return parse_share(text)
    except Misuse as error:
        raise argparse.ArgumentTypeError(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An earlier verdict that a new trial is held against."""

    verdict: Verdict
    allowed: float

    def candidates(self, named: Sequence[str], otherwise: Sequence[str]) -> Sequence[str]:
        """The choice, and what else was asked for; where it was to keep the baseline, the usual ones against it."""
        choice = chosen(self.verdict)
        if choice == self.verdict.baseline:
            return named or otherwise
        return [choice, *(word for word in named if word != choice)]

    def settle(self, arguments: argparse.Namespace) -> None:
        """The same question as then, where nothing else was asked for."""
        if arguments.baseline == CURRENT:
            arguments.baseline = self.verdict.baseline
        if arguments.objective == "balanced" and self.verdict.objective in OBJECTIVES:
            arguments.objective = self.verdict.objective
        arguments.primary = arguments.primary or self.verdict.primary

    def judge(self, verdict: Verdict, trial: Trial, *, to_output: bool) -> int:
        """Say whether the choice still stands, to people and to GitHub; the exit status."""
        answer = still_right(self.verdict, verdict, trial, self.allowed)
        line = printable(f"{_title(answer.standing)}: {answer.why}")
        if to_output and sys.stdout is not None:
            print(f"\n{line}", flush=True)
        else:
            say(line)
        if github.is_there(os.environ):
            _tell_github(answer, verdict, trial)
        return STOPPED if answer.standing.is_wrong else 0


def _title(standing: Standing) -> str:
    if standing.is_wrong:
        return "No longer right"
    return "Still right" if standing is Standing.RIGHT else "Still right, as far as is known"


def held(arguments: argparse.Namespace) -> Held | None:
    """What a trial is held against; None where nothing was asked for.

    Raises:
        Misuse: an option without its other, or a file of another kind.
        CannotGoOn: the file cannot be read, or its choice is no candidate.
    """
    if arguments.against is None:
        if arguments.fail_if_worse is not None:
            raise Misuse("--fail-if-worse is about an earlier verdict; give it with --against verdict.json")
        return None
    place = Path(arguments.against)
    found = read(place)
    if not isinstance(found, Trial | Verdict):
        raise Misuse(f"{place} is a {found.kind}; --against takes a verdict or a trial")
    verdict = answered(found).verdict
    parse(chosen(verdict))
    return Held(verdict=verdict, allowed=ALLOWED if arguments.fail_if_worse is None else arguments.fail_if_worse)


def _tell_github(answer: Answer, verdict: Verdict, trial: Trial) -> None:
    """An annotation on standard error, which the runner reads as well, and the whole report in the job's summary."""
    grade = github.Grade.ERROR if answer.standing.is_wrong else github.Grade.NOTICE
    if answer.standing is Standing.OPEN:
        grade = github.Grade.WARNING
    if sys.stderr is not None:
        print(github.annotation(grade, f"heapswap: {_title(answer.standing)}", printable(answer.why)), file=sys.stderr)
    page = markdown(verdict_document(Answered(verdict=verdict, trial=trial)))
    try:
        github.add_to_summary(f"**{_title(answer.standing)}**: {prose(answer.why)}\n\n{page}", os.environ)
    except OSError as error:
        say(f"the job's summary cannot be written: {error.strerror}")
