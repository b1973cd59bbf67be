"""From two artifacts of one kind to what changed."""

from collections.abc import Iterator, Mapping, Sequence

from heapswap import environment
from heapswap.conformance.model import Conformance
from heapswap.environment import Environment
from heapswap.errors import Misuse
from heapswap.estimate import Estimate
from heapswap.findings import Finding, Level
from heapswap.profiling.model import Profile
from heapswap.report.comparison.estimates import changed, level
from heapswap.report.comparison.model import Change, Comparison, Turn
from heapswap.report.comparison.predictions import predictions
from heapswap.report.comparison.profiles import profiles
from heapswap.report.reading import Answered, Artifact, answered
from heapswap.trials.model import Outcome, Run, Stage, Trial
from heapswap.verdict.model import Effect, Verdict
from heapswap.verdict.prediction import Prediction

CONFIDENCE = 0.99
"""of the effects in a verdict, and so of what is made of them"""
PRICED = 0.95
"""of the prices in a conformance answer"""


def compare(new: Artifact | Comparison, old: Artifact | Comparison) -> Comparison:
    """What changed from `old` to `new`.

    Raises:
        Misuse: they are of different kinds; a trial and a verdict go together.
    """
    match new, old:
        case (Trial() | Verdict(), Trial() | Verdict()):
            return _verdicts(answered(new), answered(old))
        case Profile(), Profile():
            return profiles(new, old)
        case Conformance(), Conformance():
            return _conformances(new, old)
        case Prediction(), Prediction():
            return predictions(new, old, CONFIDENCE)
    raise Misuse(f"a {new.kind} and a {old.kind} cannot be compared; give two of one kind")


# ---- trials and verdicts -------------------------------------------------------------------------------------------


def _verdicts(new: Answered, old: Answered) -> Comparison:
    now, then = new.verdict, old.verdict
    told = {row.candidate for row in now.comparisons}, {row.candidate for row in then.comparisons}
    return Comparison(
        of="verdict" if new.trial is None or old.trial is None else "trial",
        subject=" ".join(new.trial.workload.argv) if new.trial else f"against {now.baseline}",
        confidence=CONFIDENCE,
        turns=tuple(_turned(now, then)),
        changes=(*_effects(now, then), *(_levels(new.trial, old.trial) if new.trial and old.trial else ())),
        only_before=tuple(sorted(told[1] - told[0])),
        only_after=tuple(sorted(told[0] - told[1])),
        findings=tuple(_doubts(new, old)),
    )


def _turned(now: Verdict, then: Verdict) -> Iterator[Turn]:
    words = (
        ("the answer", then.outcome.value, now.outcome.value),
        ("adopted", then.candidate or "nothing", now.candidate or "nothing"),
        ("decided by", then.primary, now.primary),
        ("rule", then.rule, now.rule),
    )
    yield from (Turn(subject="verdict", measure=name, before=a, after=b) for name, a, b in words if a != b)
    guards = {(check.candidate, check.metric): check.state for check in then.guards}
    for check in now.guards:
        before = guards.get((check.candidate, check.metric), check.state)
        if before is not check.state:
            yield Turn(subject=check.candidate, measure=f"guard {check.metric}", before=before, after=check.state)


def _effects(now: Verdict, then: Verdict) -> Iterator[Change]:
    before = {(row.candidate, row.metric): row for row in then.comparisons}
    for row in now.comparisons:
        old = before.get((row.candidate, row.metric))
        if old is None or old.effect is None or row.effect is None:
            continue
        if found := changed(row.candidate, row.metric, "effect", estimate(old), estimate(row)):
            yield found


def estimate(row: Effect) -> Estimate:
    """The effect of a row with its limits.

    Raises:
        ValueError: it has none.
    """
    if row.effect is None:
        raise ValueError(f"{row.candidate} has no effect on {row.metric}")
    return Estimate(value=row.effect, low=row.low, high=row.high)


def _levels(new: Trial, old: Trial) -> Iterator[Change]:
    """The values themselves, of what both trials ran: the baseline first."""
    after, before = _values(new.runs), _values(old.runs)
    for key in after:
        candidate, metric, unit = key
        if key in before:
            now, then = level(after[key], CONFIDENCE), level(before[key], CONFIDENCE)
            if now and then and (found := changed(candidate, metric, unit, then, now)):
                yield found


def _values(runs: Sequence[Run]) -> Mapping[tuple[str, str, str], list[float]]:
    """Values of completed runs by candidate, metric and unit; of confirming and later runs where there are any."""
    late: dict[tuple[str, str, str], list[float]] = {}
    all_: dict[tuple[str, str, str], list[float]] = {}
    for run in runs:
        if run.outcome is not Outcome.COMPLETED or run.slot.stage is Stage.WARM_UP:
            continue
        for row in run.measurements:
            if row.phase == "whole" and row.group == "tree":
                key = run.slot.candidate, row.metric, row.unit
                all_.setdefault(key, []).append(row.value)
                if run.slot.stage is not Stage.SCREENING:
                    late.setdefault(key, []).append(row.value)
    return {**all_, **late}


def _doubts(new: Answered, old: Answered) -> Iterator[Finding]:
    if new.verdict.baseline != old.verdict.baseline:
        yield Finding(
            code="other-baseline",
            level=Level.WARNING,
            seen=f"effects were against {old.verdict.baseline}, and are against {new.verdict.baseline}",
            remedy="repeat one of them with the other's --baseline",
        )
    if new.trial and old.trial:
        if new.trial.workload.argv != old.trial.workload.argv:
            yield Finding(
                code="other-command",
                level=Level.WARNING,
                seen="the two trials ran different commands",
                remedy="compare trials of one command",
            )
        yield from _machines(new.trial.environment, old.trial.environment)


def _machines(new: Environment, old: Environment) -> Iterator[Finding]:
    if change := environment.changed(old, new):
        yield Finding(
            code="other-machine",
            level=Level.WARNING,
            seen=f"the circumstances differ: {change}",
            remedy="trust effects and shares, which are ratios within one machine; values in seconds and bytes may "
            "differ for that reason alone",
        )


# ---- conformance ---------------------------------------------------------------------------------------------------


def _conformances(new: Conformance, old: Conformance) -> Comparison:
    clauses = {one.id: one.outcome for one in old.clauses}
    reactions = {(row.candidate, one.id): one.reaction for row in old.hardening for one in row.attempts}
    prices = {one.id: one for one in old.prices}
    turns = [
        Turn(subject="clause", measure=one.id, before=clauses[one.id], after=one.outcome)
        for one in new.clauses
        if one.id in clauses and clauses[one.id] is not one.outcome
    ]
    turns += [
        Turn(subject=row.candidate, measure=one.id, before=before, after=one.reaction)
        for row in new.hardening
        for one in row.attempts
        if (before := reactions.get((row.candidate, one.id), one.reaction)) is not one.reaction
    ]
    changes = (
        changed(
            "hardened / plain",
            one.id,
            "effect",
            Estimate(value=then.ratio - 1, low=then.low - 1, high=then.high - 1),
            Estimate(value=one.ratio - 1, low=one.low - 1, high=one.high - 1),
        )
        for one in new.prices
        if (then := prices.get(one.id)) is not None
    )
    asked = {one.id for one in new.clauses}
    return Comparison(
        of="conformance",
        subject=new.candidate if new.candidate == old.candidate else f"{new.candidate}, before: {old.candidate}",
        confidence=PRICED,
        turns=tuple(turns),
        changes=tuple(found for found in changes if found is not None),
        only_before=tuple(one for one in clauses if one not in asked),
        only_after=tuple(one.id for one in new.clauses if one.id not in clauses),
        findings=tuple(_machines(new.environment, old.environment)),
    )
