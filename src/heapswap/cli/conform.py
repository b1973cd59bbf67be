"""`heapswap conform`: does a malloc library keep its promises, and what does hardening buy beside what it costs."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from heapswap import artifact
from heapswap.allocators import registry
from heapswap.allocators.activation import activate
from heapswap.allocators.model import Activation, Candidate
from heapswap.allocators.spelling import CURRENT, parse
from heapswap.cli.output import standard_output
from heapswap.conformance import hardening
from heapswap.conformance.child import Subject, subject
from heapswap.conformance.clauses import CLAUSES, Clause
from heapswap.conformance.model import Conformance, Hardening, Price
from heapswap.conformance.price import prices
from heapswap.conformance.runner import examine
from heapswap.environment import present
from heapswap.errors import CannotGoOn, Misuse
from heapswap.near import near
from heapswap.report.conformance import conformance_text
from heapswap.report.junit import junit
from heapswap.report.telling import Telling
from heapswap.report.terminal import colour_of, width_of

USAGE = "heapswap conform CANDIDATE | PATH.so [--only CLAUSE] [--known CLAUSE] [--json] [--junit FILE]"
DEVIATES = 1
"""exit status where a clause is broken"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = USAGE
    parser.epilog = "Exit status: 0 every clause holds or does not apply, 1 one is broken, 2 misuse, 3 cannot go on."
    parser.add_argument(
        "candidate", metavar="CANDIDATE | PATH.so", help="such as jemalloc, mimalloc+secure, system or ./libmine.so"
    )
    parser.add_argument(
        "--only", metavar="CLAUSE", action="append", default=[], help="ask this clause alone (may be repeated)"
    )
    parser.add_argument(
        "--known",
        metavar="CLAUSE",
        action="append",
        default=[],
        help="a deviation that is known: told, and no reason for exit status 1 (may be repeated)",
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="seed of the random programs (default: 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument("--junit", metavar="FILE", help="save the clauses as JUnit XML, too")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell what was seen where a clause holds, too")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Ask everything and print. Exit status 0: it conforms; 1: a clause is broken.

    Raises:
        Misuse: a command, no candidate, a clause that does not exist.
        CannotGoOn: the candidate cannot be put in force, or the file cannot be saved.
    """
    if command is not None:
        raise Misuse(f"'heapswap conform' takes no command; write: {USAGE}")
    clauses = _named(arguments.only) if arguments.only else CLAUSES
    known = [clause.id for clause in _named(arguments.known)]
    if arguments.junit:
        _refuse_unsavable(Path(arguments.junit))
    with Telling(sys.stderr, environ=os.environ, quiet=arguments.quiet) as progress:
        answer = _answer(_candidate(arguments.candidate), clauses, arguments, progress)
    if arguments.junit:
        artifact.write(Path(arguments.junit), junit(answer, known))
    with standard_output("give it a file with room") as stream:
        if arguments.json:
            stream.write(artifact.encode(artifact.readable(answer)).decode() + "\n")
        else:
            width, colour = width_of(stream, os.environ), colour_of(stream, os.environ)
            stream.write(conformance_text(answer, width=width, colour=colour, details=arguments.verbose, known=known))
    return DEVIATES if any(result.id not in known for result in answer.broken) else 0


def _answer(
    candidate: Candidate, clauses: tuple[Clause, ...], arguments: argparse.Namespace, progress: Telling
) -> Conformance:
    activation = activate(candidate)
    under = subject(activation, os.environ)
    results = []
    progress.tell(clauses[0].id, of=len(clauses))
    for clause, result in zip(clauses, examine(under, clauses, seed=arguments.seed), strict=True):
        results.append(result)
        following = clauses[len(results)].id if len(results) < len(clauses) else ""
        seen = f"{clause.id}: {result.outcome.value}"
        progress.tell(following, known=seen, done=len(results), of=len(clauses))
    hardened, costs = ((), ()) if arguments.only else _hardening(activation, under, arguments.seed, progress)
    return Conformance(
        candidate=str(candidate),
        library=activation.library,
        system=" ".join(registry.c_library()).strip(),
        clauses=tuple(results),
        hardening=hardened,
        prices=costs,
        environment=present(),
    )


def _hardening(
    activation: Activation, under: Subject, seed: int, progress: Telling
) -> tuple[tuple[Hardening, ...], tuple[Price, ...]]:
    """The mistakes, side by side with the other build where there is one, and then its price."""
    both = {activation.candidate: under}
    other = hardening.counterpart(activation.candidate, activation.library)
    if other is not None:
        try:
            both[other] = subject(activate(other), os.environ)
        except (CannotGoOn, Misuse):  # that build is not here, or does not know these knobs
            other = None
    # Plain first: what hardening adds is read from left to right.
    both = dict(sorted(both.items(), key=lambda item: hardening.FEATURE in item[0].features))
    rows = []
    for candidate, one in both.items():
        progress.tell(f"a program's mistakes, under {candidate}")
        rows.append(Hardening(candidate=str(candidate), attempts=tuple(hardening.attempts(one))))
    if other is None:
        return tuple(rows), ()
    return tuple(rows), tuple(_told(prices(*both.values(), seed=seed), progress))


def _told(prices: Iterator[Price], progress: Telling) -> Iterator[Price]:
    progress.tell("the price of hardening, in pairs of runs")
    for price in prices:
        progress.tell(f"the price of hardening: {price.id} x{price.ratio:.2f}")
        yield price


def _candidate(word: str) -> Candidate:
    """A candidate, or a file of this folder that is named without its folder."""
    is_file = "/" not in word and word.endswith(".so") and Path(word).is_file()
    candidate = parse(f"./{word}" if is_file else word)
    if candidate.library == CURRENT:
        raise Misuse("current is whatever runs today; name one allocator, such as system, jemalloc or ./libmine.so")
    return candidate


def _refuse_unsavable(file: Path) -> None:
    """Before the questions, which take minutes."""
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        raise CannotGoOn(f"{file} cannot be saved; give a file in a folder that you may write to")


def _named(words: list[str]) -> tuple[Clause, ...]:
    table = {clause.id: clause for clause in CLAUSES}
    for word in words:
        if word not in table:
            raise Misuse(f"no clause '{word}'; {near(word, table)}")
    return tuple(clause for clause in CLAUSES if clause.id in words)
