"""What may be deployed: a candidate that a person names, or one that a verdict adopted."""

from heapswap import artifact
from heapswap.allocators import spelling
from heapswap.allocators.model import Candidate
from heapswap.deploy.model import Choice
from heapswap.errors import CannotGoOn, Misuse
from heapswap.verdict.model import Decision, Verdict
from heapswap.verdict.objective import HEAP

SCHEMA = 1
"""of verdicts"""


def named(text: str) -> Choice:
    """The choice of a person.

    Raises:
        Misuse: no candidate, or one that changes nothing.
    """
    return Choice(candidate=_changing(spelling.parse(text)), asked="the command line")


def adopted(data: bytes, source: str) -> Choice:
    """The choice that a saved verdict made.

    Raises:
        CannotGoOn: no verdict, one from a newer heapswap, or one that does not say adopt.
    """
    verdict = artifact.decode(data, "verdict", SCHEMA, Verdict, source)
    if verdict.objective == HEAP:
        raise CannotGoOn(
            f"{source} is about the replay of a recording, and nothing is deployed on that; measure the program: "
            f"heapswap trial --candidates {verdict.candidate or 'CANDIDATE'} -- PROGRAM"
        )
    if verdict.outcome is Decision.ADOPT and verdict.candidate is not None:
        return Choice(candidate=_changing(spelling.parse(verdict.candidate)), asked=source, evidence=verdict.evidence)
    raise CannotGoOn(f"{source} says {verdict.outcome}, and nothing is deployed on that: {_otherwise(verdict)}")


def _otherwise(verdict: Verdict) -> str:
    match verdict.outcome:
        case Decision.KEEP:
            return "the allocator stays as it is; name a candidate to deploy one all the same"
        case Decision.INCONCLUSIVE:
            needed = f" (about {verdict.runs_needed} more runs)" if verdict.runs_needed else ""
            return f"measure with a larger --budget{needed}, or name a candidate to deploy one all the same"
        case Decision.UNSAFE:
            return "a candidate changed what the program does; leave the allocator as it is"
        case Decision.ADOPT:
            return "it names no candidate, so it is damaged; measure again"


def _changing(candidate: Candidate) -> Candidate:
    if candidate in (Candidate(library=spelling.CURRENT), Candidate(library=spelling.SYSTEM)):
        raise Misuse(
            f"{candidate} changes nothing, so there is nothing to deploy; --revert takes back what was deployed"
        )
    return candidate
