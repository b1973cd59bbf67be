"""The rules that turn evidence into an answer. Each is a small pure function; the first that speaks decides."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, isfinite

from heapswap.artifact import digest
from heapswap.errors import ALREADY_SET
from heapswap.findings import Finding, Level
from heapswap.trials.finalists import Finalist, State
from heapswap.trials.model import Outcome, Trial
from heapswap.trials.statistics import of
from heapswap.trials.trouble import BROKE
from heapswap.units import format_bytes, format_effect, metric_name
from heapswap.verdict import services
from heapswap.verdict.evidence import INTERVAL_ERROR, Evidence
from heapswap.verdict.model import Decision, GuardState, NotTried, Verdict

CLOSE = 0.02
"""effects nearer than this count as equal, and the simpler change wins"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one rule says."""

    outcome: Decision
    candidate: str | None = None
    reason: str


Rule = Callable[[Evidence], Ruling | None]


def nothing_compared(evidence: Evidence) -> Ruling | None:
    """No candidate was run."""
    if evidence.tried:
        return None
    return Ruling(outcome=Decision.INCONCLUSIVE, reason="no candidate was run, so nothing can be said")


def beyond_the_margin(evidence: Evidence) -> Ruling | None:
    """A finalist's gain is beyond the margin, its slow runs are no more frequent, and its guards allow it."""
    if not evidence.winners or evidence.primary is None:
        return None
    chosen = simplest_of_the_best(evidence)
    difference = evidence.difference(chosen.candidate, evidence.primary)
    size = "" if difference is None else format_effect(evidence.primary.effect(difference))
    return Ruling(
        outcome=Decision.ADOPT,
        candidate=chosen.candidate,
        reason=f"{chosen.candidate} changes {metric_name(evidence.primary.metric)} by {size}, shown in {chosen.blocks} "
        f"blocks of random order{how_its_guards_stand(evidence, chosen.candidate)}",
    )


def how_its_guards_stand(evidence: Evidence, candidate: str) -> str:
    """The clause about guards: what is shown to hold, and what is only not broken; empty without guards."""
    mine = evidence.observed.guards
    unsettled = [
        metric_name(guard.measure.metric)
        for guard in mine
        if evidence.guard_state(candidate, guard) is not GuardState.HELD
    ]
    if not unsettled:
        return ", and its guards hold" if mine else ""
    verb = "is inside its limit" if len(unsettled) == 1 else "are inside their limits"
    rest = "the other guards hold; " if len(unsettled) < len(mine) else ""
    return f"; {rest}{' and '.join(unsettled)} {verb} as estimated, though not beyond doubt"


def simplest_of_the_best(evidence: Evidence) -> Finalist:
    """Between equals the simpler change wins: of the winners close to the best, the one that costs the least change."""
    order = {one.candidate: one.simplicity for one in evidence.standings}
    measure = evidence.primary
    assert measure is not None  # a winner was compared on it

    def difference(one: Finalist) -> float:
        found = evidence.difference(one.candidate, measure)
        return 0.0 if found is None else found

    best = min(difference(one) for one in evidence.winners)
    close = [one for one in evidence.winners if difference(one) - best < CLOSE]
    return min(close, key=lambda one: (order.get(one.candidate, 0), difference(one)))


def fails_or_differs(evidence: Evidence) -> Ruling | None:
    """The candidates that mattered fail, or print something else, where the baseline does not."""
    unsafe = evidence.unsafe
    finals = {one.candidate for one in evidence.finalists}
    if not unsafe or not (set(unsafe) == set(evidence.tried) or finals & set(unsafe)):
        return None
    name = next((one for one in unsafe if one in finals), unsafe[0])
    return Ruling(
        outcome=Decision.UNSAFE,
        reason=f"{name} {what_went_wrong(evidence, name)}, and the baseline never did",
    )


def what_went_wrong(evidence: Evidence, candidate: str) -> str:
    """``crashed in 2 of 2 runs``."""
    bad, all_runs = evidence.bad(candidate), of(evidence.runs, candidate)
    words = {
        Outcome.CRASHED: "crashed",
        Outcome.FAILED: "failed",
        Outcome.TIMED_OUT: "did not end in time",
    }
    return f"{words.get(bad[-1].outcome, 'printed something else')} in {len(bad)} of {len(all_runs)} runs"


def floor_out_of_reach(evidence: Evidence) -> Ruling | None:
    """The program uses so little that no change could reach the absolute margin."""
    floor = evidence.design.criteria.adopt_floor
    if evidence.primary is None or evidence.threshold != float("-inf") or not floor:
        return None
    return Ruling(
        outcome=Decision.KEEP,
        reason=f"a gain below {format_bytes(floor)} does not count, and {metric_name(evidence.primary.metric)} is less "
        "than that",
    )


def gain_excluded(evidence: Evidence) -> Ruling | None:
    """No candidate can gain more than the keep margin, those dropped after screening included."""
    limit = evidence.design.criteria.keep_ratio
    if evidence.excluded is None or evidence.excluded >= limit or evidence.primary is None:
        return None
    if not evidence.adoptable:
        return Ruling(
            outcome=Decision.KEEP,
            reason="every candidate that was run fails or breaks a guard, so there is nothing to adopt",
        )
    gain = f"{metric_name(evidence.primary.metric)} above {evidence.excluded * 100:.0f} %"
    return Ruling(
        outcome=Decision.KEEP,
        reason=f"a gain in {gain} is excluded for every candidate, those dropped after screening included",
    )


def undecided(evidence: Evidence) -> Ruling:
    """Nothing else can be said yet."""
    shown = [one for one in evidence.finalists if one.crossed is not None]
    proving = [one for one in shown if one.state is State.PROVING]
    if proving:
        why = f"{proving[0].candidate} is better in its typical run, but slow runs among its runs are not excluded yet"
    elif shown:
        why = f"{shown[0].candidate} is better in its typical run, but {shown[0].reason or 'its guards are open'}"
    elif clauses := [*given_up(evidence), *most_promising(evidence)]:
        why = f"no gain could be adopted: {'; '.join(clauses)}"
    elif evidence.excluded is not None:
        why = f"no gain beyond the margin was shown, and one of up to {evidence.excluded * 100:.0f} % is not excluded"
    else:
        why = "no gain beyond the margin was shown, and none is excluded"
    return Ruling(outcome=Decision.INCONCLUSIVE, reason=why)


def given_up(evidence: Evidence) -> list[str]:
    """A clause about each finalist that a guard rejected."""
    return [
        f"{one.candidate} was given up because {one.reason}"
        for one in evidence.finalists
        if one.broken and one.state is State.LOST
    ]


def most_promising(evidence: Evidence) -> list[str]:
    """A clause about the best candidate that may still be adopted, where its gain is beyond the margin."""
    measure = evidence.primary
    if measure is None:
        return []
    lost = {one.candidate for one in evidence.finalists if one.state is State.LOST}
    gains = {
        name: difference
        for name in evidence.adoptable
        if name not in lost
        and (difference := evidence.difference(name, measure)) is not None
        and (limits := evidence.limits(name, measure, INTERVAL_ERROR)) is not None
        and limits[1] < evidence.threshold
    }
    if not gains:
        return []
    doubtful = {one.candidate for one in evidence.standings if one.doubtful}
    best = min(gains, key=lambda name: (name in doubtful, gains[name]))
    effect = format_effect(measure.effect(gains[best]))
    doubt = ", its guards in doubt," if best in doubtful else ""
    return [f"{best} looks best ({metric_name(measure.metric)} {effect}){doubt} and has yet to be confirmed"]


RULES: tuple[tuple[str, Rule], ...] = (
    ("nothing-compared", nothing_compared),
    ("beyond-the-margin", beyond_the_margin),
    ("fails-or-differs", fails_or_differs),
    ("floor-out-of-reach", floor_out_of_reach),
    ("gain-excluded", gain_excluded),
    ("undecided", undecided),
)
"""In the order they are asked; the name is what the report prints."""


def rule(evidence: Evidence) -> tuple[str, Ruling]:
    """The first rule that speaks, by name, and what it says."""
    for name, ask in RULES:
        ruling = ask(evidence)
        if ruling is not None:
            return name, ruling
    raise AssertionError("the last rule always speaks")


def decide(trial: Trial, objective: str) -> Verdict:
    """The verdict of a trial: what the rules say, and everything it rests on."""
    evidence = Evidence(trial)
    name, ruling = rule(evidence)
    return Verdict(
        outcome=ruling.outcome,
        candidate=ruling.candidate,
        baseline=trial.design.baseline,
        objective=objective,
        primary=trial.design.criteria.primary,
        rule=name,
        reason=ruling.reason,
        comparisons=tuple(
            found
            for candidate in evidence.tried
            for metric in evidence.metrics
            if (found := evidence.effect(candidate, metric)) is not None
        ),
        guards=evidence.guards,
        control=evidence.control,
        excluded=evidence.excluded,
        detectable=evidence.detectable,
        runs=len(trial.runs),
        runs_needed=runs_needed(evidence) if ruling.outcome is Decision.INCONCLUSIVE else None,
        ramps=evidence.ramps,
        growths=evidence.growths,
        not_tried=tuple(NotTried(candidate=who, reason=why) for who, why in trial.not_tried),
        findings=(*trial.findings, *findings(evidence)),
        evidence=digest(trial),
    )


CONFIRMING_RUNS = 20
"""runs of the fewest blocks that confirm a gain"""


def runs_needed(evidence: Evidence) -> int | None:
    """About how many more runs would settle an inconclusive answer: limits narrow with the root of the runs.

    One candidate that looks good enough settles it by being confirmed: its limits have to leave out the adopt margin.
    Where none does, the limits of every candidate have to leave out the keep margin. A baseline run goes with each run.
    """
    measure = evidence.primary
    if measure is None:
        return None
    keep = measure.improvement(evidence.design.criteria.keep_ratio)
    confirming, excluding = [], 0.0
    for name, lowest in evidence.exclusion.limits.items():
        difference, runs = evidence.difference(name, measure), len(of(evidence.runs, name))
        if difference is None or lowest > keep:
            continue
        is_good = isfinite(evidence.threshold) and difference <= (keep + evidence.threshold) / 2
        boundary = evidence.threshold if is_good else keep
        wanted = max(abs(difference - boundary), abs(keep) / 4)
        reach = difference - lowest if isfinite(lowest) else 2 * abs(keep)
        more = 2 * runs * max((reach / wanted) ** 2 - 1, 0.5)
        if is_good:
            confirming.append(max(more, CONFIRMING_RUNS))
        else:
            excluding += more
    needed = min(confirming) if confirming else excluding
    return max(4, ceil(needed)) if needed else None


def findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Doubts that the runs themselves raise."""
    return tuple(found for ask in DOUBTS for found in ask(evidence))


def output_differs_by_itself(evidence: Evidence) -> tuple[Finding, ...]:
    """The baseline prints something else each time."""
    if evidence.baseline_outputs <= 1:
        return ()
    return (
        Finding(
            code="nondeterministic-output",
            level=Level.NOTE,
            seen=f"the program's own output differs from run to run ({evidence.baseline_outputs} different outputs)",
            remedy="whether a candidate changes the output cannot be told; fix seeds or times if it should be",
        ),
    )


def candidate_is_bad(evidence: Evidence) -> tuple[Finding, ...]:
    """Candidates that fail, print something else, or were not in force."""
    result = []
    for name in evidence.tried:
        mine = of(evidence.runs, name)
        missing = sum(run.outcome is Outcome.NOT_IN_FORCE for run in mine)
        if missing:
            result.append(
                Finding(
                    code="not-in-force",
                    level=Level.WARNING,
                    seen=f"{name}: another allocator served {missing} of {len(mine)} runs, so they are not compared",
                    remedy="see `heapswap inspect` for what carries its own allocator or drops the preload",
                )
            )
        if evidence.bad(name):
            result.append(
                Finding(
                    code="unsafe-candidate" if evidence.is_unsafe(name) else "unreliable-candidate",
                    level=Level.WARNING,
                    seen=f"{name} {what_went_wrong(evidence, name)}",
                    remedy=_remedy(evidence, name),
                )
            )
    return tuple(result)


def _remedy(evidence: Evidence, candidate: str) -> str:
    """What to do about a candidate that is bad: nothing of its own is wrong where the program set another allocator."""
    if any(ALREADY_SET in run.log for run in evidence.bad(candidate)):
        return "the program declares an allocator itself; put HEAPSWAP_DISABLE=1 before heapswap to compare without it"
    return "leave it alone, or report it to its authors with the log in the results folder"


def baseline_is_flaky(evidence: Evidence) -> tuple[Finding, ...]:
    """The program fails by itself."""
    base = of(evidence.runs, evidence.design.baseline)
    bad = [run for run in base if run.outcome in BROKE]
    if not bad:
        return ()
    return (
        Finding(
            code="flaky-baseline",
            level=Level.WARNING,
            seen=f"the program failed by itself in {len(bad)} of {len(base)} runs",
            remedy="mend that first; failures of a candidate then mean something",
        ),
    )


def guard_rejects(evidence: Evidence) -> tuple[Finding, ...]:
    """Candidates that gain beyond the margin and are rejected by a guard."""
    primary = evidence.primary
    if primary is None:
        return ()
    result = []
    for check in evidence.guards:
        gain = evidence.difference(check.candidate, primary)
        if check.state is not GuardState.BROKEN or gain is None or gain >= evidence.threshold or check.effect is None:
            continue
        result.append(
            Finding(
                code="rejected-by-guard",
                level=Level.NOTE,
                seen=f"{check.candidate} has {metric_name(primary.metric)} {format_effect(primary.effect(gain))}, "
                f"but {metric_name(check.metric)} {format_effect(check.effect)}; "
                f"{format_effect(check.limit)} is allowed",
                remedy="accept that price on purpose, or leave it",
            )
        )
    return tuple(result)


DOUBTS: tuple[Callable[[Evidence], tuple[Finding, ...]], ...] = (
    baseline_is_flaky,
    output_differs_by_itself,
    candidate_is_bad,
    guard_rejects,
    *services.DOUBTS,
)
