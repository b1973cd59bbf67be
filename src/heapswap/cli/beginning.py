"""The first run of a trial: plain, or under the probe so that it says what is worth trying."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from heapswap import artifact
from heapswap.allocators.model import Candidate
from heapswap.artifact import text
from heapswap.cli import observing
from heapswap.cli.entrants import Entrants
from heapswap.cli.observing import Observer
from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level
from heapswap.inspection.program import Program
from heapswap.profiling.model import Profile
from heapswap.profiling.store import load
from heapswap.trials.model import Outcome, Run, Trial
from heapswap.trials.session import Bench, warm_up
from heapswap.trials.store import Keeps, Results
from heapswap.verdict.diagnosis import BALANCED, diagnose
from heapswap.verdict.model import Advice, Diagnosis
from heapswap.verdict.objective import criteria
from heapswap.verdict.symptoms import helpful

PROFILE = "profile.json"
"""the first run's profile, in the results folder"""


class First(StrEnum):
    """How the first run is made."""

    PLAIN = "plain"
    PROFILED = "profiled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """The first run, and its profile where there is one."""

    run: Run
    profile: Profile | None = None
    findings: tuple[Finding, ...] = ()
    """why there is no profile though one was wanted"""


def begin(bench: Bench, program: Program, baseline: str, limit: float | None, first: First) -> Beginning:
    """Make the first run. What keeps the probe away keeps nobody from the trial.

    Raises:
        CannotGoOn: the program fails, or does not end within `limit` seconds, as it is today.
    """
    if first is First.PLAIN or bench.workload.service is not None:
        return Beginning(run=warm_up(bench, baseline, limit))
    observer = Observer(bench.executor)
    try:
        observing.refuse(observing.conflicts(program, bench.arms[baseline].environ))
        run = warm_up(replace(bench, executor=observer), baseline, limit)
    except CannotGoOn as error:
        if observer.outcome is Outcome.TIMED_OUT:
            raise  # it would take as long once more
        # A program that does not work by itself is refused here as ever.
        run = warm_up(bench, baseline, limit)
        reason = str(error) if observer.outcome is None else "the program does not work under the probe"
        return Beginning(run=run, findings=(_unobserved(reason),))
    assert observer.profile is not None  # there was a run
    return Beginning(run=run, profile=observer.profile)


def _unobserved(reason: str) -> Finding:
    return Finding(
        code="not-profiled",
        level=Level.NOTE,
        seen=f"the first run is without a profile: {text(reason)}",
        remedy="every candidate that can be run is tried; --skip-profile says so beforehand",
    )


def consult(
    bench: Bench, beginning: Beginning, objective: str, primary: str | None, candidates: Iterable[Candidate]
) -> Diagnosis | None:
    """What the first run's profile says, which is kept beside the trial; None where it has none.

    Args:
        primary: the metric that the user wants to decide, whatever the objective.
        candidates: that could be tried.

    Raises:
        HeapswapError: no such objective or metric, or the profile cannot be saved.
    """
    profile = beginning.profile
    if profile is None:
        return None
    kept = profile.redacted() if bench.results.keeps is Keeps.NUMBERS else profile
    artifact.write(bench.results.folder / PROFILE, artifact.encode(kept))
    usual = criteria(objective, (beginning.run,), primary=primary)
    both = objective == BALANCED and primary is None
    return diagnose(profile, beginning.run, usual, both=both, candidates={str(one) for one in candidates})


def recall(results: Results, trial: Trial) -> Diagnosis | None:
    """What `consult` said of a trial that is continued; None where its first run had no profile.

    Whether the user named the metric that decides is told by what the profile would have chosen without.

    Raises:
        CannotGoOn: the profile beside the trial cannot be read.
    """
    file = results.folder / PROFILE
    if not trial.runs or not file.exists():
        return None
    found = _again(load(file), trial)
    # More runs than the first were made because it said otherwise, to an older heapswap.
    return None if found.advice is Advice.NO_BOTTLENECK and len(trial.runs) > 1 else found


def _again(profile: Profile, trial: Trial) -> Diagnosis:
    design, first, candidates = trial.design, trial.runs[0], trial.design.candidates
    if design.objective == BALANCED:
        usual = criteria(design.objective, (first,))
        found = diagnose(profile, first, usual, both=True, candidates=candidates)
        if found.primary == design.criteria.primary:
            return found
    usual = criteria(design.objective, (first,), primary=design.criteria.primary)
    return diagnose(profile, first, usual, both=False, candidates=candidates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The candidates that are tried, and those that the profile leaves out."""

    costs: Mapping[Candidate, int]
    """of each that is tried, in order of promise: what a deployment would change"""
    left_out: tuple[tuple[str, str], ...] = ()
    """with the reason"""


def choose(entrants: Entrants, diagnosis: Diagnosis | None) -> Chosen:
    """The candidates that can help against what the profile does not exclude; all of them where it excludes nothing."""
    costs = dict(zip(entrants.candidates, entrants.costs, strict=True))
    if diagnosis is None or diagnosis.advice in (Advice.UNKNOWN, Advice.NO_BOTTLENECK):
        return Chosen(costs=costs)
    tried = helpful(entrants.candidates, diagnosis.symptoms)
    reason = (
        f"no help against what the profile does not exclude ({', '.join(diagnosis.symptoms)}); --skip-profile tries it"
    )
    return Chosen(
        costs={one: costs[one] for one in tried},
        left_out=tuple((str(one), reason) for one in entrants.candidates if one not in tried),
    )
