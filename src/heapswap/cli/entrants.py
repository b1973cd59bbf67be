"""Who takes part in a trial: candidates that can be put in force here, and the others with the reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heapswap.allocators.activation import activate
from heapswap.allocators.model import Candidate
from heapswap.allocators.spelling import parse
from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import Program
from heapswap.trials.arms import Arm, arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrants:
    """The candidates of a trial: those that can run, and those that cannot, with the reason."""

    arms: Mapping[str, Arm]
    """by spelling, in order of promise; the baseline first"""
    candidates: tuple[Candidate, ...]
    """the baseline excluded"""
    not_tried: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    """doubts about the program as it is today"""


def enter(candidates: Iterable[Candidate], program: Program, environ: Mapping[str, str], baseline: str) -> Entrants:
    """Activate every candidate and look for conflicts before anything runs.

    Raises:
        HeapswapError: the baseline itself cannot be activated, or a candidate cannot be meant.
    """
    python = str(program.python or "")
    first = activate(parse(baseline), python=python)
    arms = {str(first.candidate): arm(first, environ)}
    entered: list[Candidate] = []
    refused: list[tuple[str, str]] = []
    findings = dict.fromkeys(preflight(program, first, environ))
    for candidate in candidates:
        spelling = str(candidate)
        if spelling in arms:
            continue
        try:
            activation = activate(candidate, python=python)
        except CannotGoOn as error:
            refused.append((spelling, str(error)))
            continue
        conflicts = preflight(program, activation, environ)
        blocking = [finding for finding in conflicts if finding.level is Level.ERROR]
        if blocking:
            refused.append((spelling, f"{blocking[0].seen}; {blocking[0].remedy}"))
            continue
        findings.update(dict.fromkeys(conflicts))
        arms[spelling] = arm(activation, environ)
        entered.append(candidate)
    return Entrants(arms=arms, candidates=tuple(entered), not_tried=tuple(refused), findings=tuple(findings))
