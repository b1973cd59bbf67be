"""Who takes part in a trial: candidates that can be put in force here, and the others with the reason."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from heapswap.allocators.activation import activate
from heapswap.allocators.model import Candidate
from heapswap.allocators.promise import REBUILD, change_cost
from heapswap.allocators.spelling import CURRENT, parse
from heapswap.artifact import text
from heapswap.errors import CannotGoOn, Misuse
from heapswap.findings import Finding, Level
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import Program
from heapswap.trials.arms import Arm, arm, built
from heapswap.workload import Build


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
    costs: tuple[int, ...]
    """of each candidate: what a deployment would change"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """Candidates that are builds of the program, and not settings around it."""

    made: tuple[Build, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    """with the reason"""


NO_VARIANTS = Variants()


class NobodyEnters(CannotGoOn):
    """No candidate can take effect: what each was refused for, and what else was seen."""

    def __init__(self, refused: Sequence[tuple[str, str]], findings: Iterable[Finding]) -> None:
        spelling, reason = refused[0]
        super().__init__(f"no candidate can be run: {spelling}: {reason}")
        self.refused = tuple(refused)
        self.findings = tuple(findings)


def enter(
    candidates: Iterable[Candidate],
    program: Program,
    environ: Mapping[str, str],
    baseline: str,
    variants: Variants = NO_VARIANTS,
) -> Entrants:
    """Activate every candidate and look for conflicts before anything runs.

    Args:
        variants: the candidates that are programs of their own; all others run `program`.

    Raises:
        HeapswapError: the baseline itself cannot be run, a candidate cannot be meant, or none can be run.
    """
    first = activate(parse(baseline))
    arms = {str(first.candidate): arm(first, environ)}
    entered: list[Candidate] = []
    refused: list[tuple[str, str]] = []
    findings = dict.fromkeys(preflight(program, first, environ))
    if first.candidate.library != CURRENT and (reason := _blocking(findings)):
        raise CannotGoOn(f"the baseline {first.candidate} cannot be run: {reason}")
    made, failed = {build.candidate: build for build in variants.made}, dict(variants.failed)
    for candidate in candidates:
        spelling = str(candidate)
        if spelling in arms:
            continue
        if spelling in failed:
            refused.append((spelling, failed[spelling]))
            continue
        if spelling in made:
            arms[spelling] = built(made[spelling], environ)
            entered.append(candidate)
            continue
        try:
            activation = activate(candidate)
        except CannotGoOn as error:
            refused.append((spelling, str(error)))
            continue
        conflicts = preflight(program, activation, environ)
        if reason := _blocking(conflicts) or _unprovable(program):
            refused.append((spelling, reason))
            continue
        findings.update(dict.fromkeys(conflicts))
        arms[spelling] = arm(activation, environ)
        entered.append(candidate)
    if not entered:
        raise _nobody(refused, map(_readable, findings), baseline)
    return Entrants(
        arms=arms,
        candidates=tuple(entered),
        not_tried=tuple(refused),
        findings=tuple(map(_readable, findings)),
        costs=tuple(REBUILD if str(candidate) in made else change_cost(candidate) for candidate in entered),
    )


def _blocking(conflicts: Iterable[Finding]) -> str:
    """Why a candidate cannot run, and what to do; empty where nothing stands against it."""
    return next((text(f"{found.seen}; {found.remedy}") for found in conflicts if found.level is Level.ERROR), "")


def _unprovable(program: Program) -> str:
    """Why no run could show whose malloc answered; empty where it can."""
    if program.elf.libc != "static":
        return ""
    return (
        f"{program.argv0} is statically linked, and no run of it can prove that a setting was obeyed; "
        "`heapswap run` sets it, and comparing is up to you"
    )


def _readable(finding: Finding) -> Finding:
    return replace(finding, seen=text(finding.seen), remedy=text(finding.remedy))


def _nobody(refused: Sequence[tuple[str, str]], findings: Iterable[Finding], baseline: str) -> Misuse | NobodyEnters:
    if not refused:
        return Misuse(f"every candidate is the baseline, {baseline}; name another with --candidates")
    return NobodyEnters(refused, findings)
