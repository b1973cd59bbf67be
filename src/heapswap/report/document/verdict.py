"""A verdict as a document, with the trial that it rests on where that is at hand."""

from collections.abc import Iterator, Sequence

from heapswap.report.charts.effects import effect_charts
from heapswap.report.diagnosis import diagnosed
from heapswap.report.document.measured import measured
from heapswap.report.document.model import (
    Block,
    Cell,
    Charts,
    Commands,
    Document,
    Prose,
    Section,
    Table,
    Tone,
    findings,
    left,
    named,
    right,
    said,
    sections,
)
from heapswap.report.document.scaling import scaling_sections
from heapswap.report.document.untried import not_tried
from heapswap.report.figures import UNKNOWN, amount, interval, known, limits, name, percent, title
from heapswap.report.nextstep import repeat, steps
from heapswap.report.reading import Answered
from heapswap.report.tables import guard_breakers, metrics_shown, ranked
from heapswap.report.verdict import change_told, headline, noise_told, why
from heapswap.trials.model import Trial
from heapswap.trials.store import is_redacted
from heapswap.verdict.evidence import Evidence
from heapswap.verdict.model import Comparison, Decision, Effect, GuardCheck, GuardState, Verdict

_TONES = {
    Decision.ADOPT: Tone.GOOD,
    Decision.KEEP: Tone.PLAIN,
    Decision.INCONCLUSIVE: Tone.DOUBT,
    Decision.UNSAFE: Tone.BAD,
}
_STATES = {GuardState.HELD: Tone.GOOD, GuardState.OPEN: Tone.DOUBT, GuardState.BROKEN: Tone.BAD}
NO_COMMANDS = "The trial was saved without the command's arguments, so there is no command to repeat here."


def verdict_document(answered: Answered) -> Document:
    """The answer, what it rests on, and what to type; with a trial every run of it too."""
    verdict, trial = answered.verdict, answered.trial
    order = ranked(verdict, trial.workload.metrics if trial else ())
    return Document(
        kind="trial" if trial else "verdict",
        subject=" ".join(trial.workload.argv) if trial else f"against {verdict.baseline}",
        answer=headline(verdict),
        tone=_TONES[verdict.outcome],
        beside=change_told(verdict, order),
        sections=sections(
            Section(title="Effects", blocks=tuple(_effects(verdict, trial, order))),
            Section(title="Why", blocks=tuple(Prose(text=text) for text in (*why(verdict), *_profiled(verdict)))),
            Section(title="Guards", blocks=tuple(_guards(verdict.guards, order))),
            *scaling_sections(verdict.ramps, verdict.growths, order),
            Section(title="Findings", blocks=findings(dict.fromkeys(verdict.findings))),
            Section(title="What to type", blocks=tuple(_commands(verdict, trial, order))),
            *(measured(trial, metrics_shown(verdict.comparisons, verdict.primary)) if trial else ()),
            Section(title="Not tried", blocks=not_tried(verdict.not_tried)),
        ),
    )


def _effects(verdict: Verdict, trial: Trial | None, order: Sequence[str]) -> Iterator[Block]:
    metrics = metrics_shown(verdict.comparisons, verdict.primary)
    if not order or not metrics:
        return
    yield Charts(charts=effect_charts(verdict, order, _noise(verdict, trial, metrics)))
    yield _table(verdict, order, metrics)
    for text in (_legend(verdict), *noise_told(verdict)):
        yield Prose(text=text, tone=Tone.FAINT)


def _profiled(verdict: Verdict) -> tuple[str, ...]:
    return (diagnosed(verdict.diagnosis),) if verdict.diagnosis else ()


def _legend(verdict: Verdict) -> str:
    broken = " !: breaks a guard, so it is not adopted whatever it gains." if guard_breakers(verdict) else ""
    return f"Effects against {verdict.baseline}, with 99 % intervals. *: decides. {verdict.runs} runs in all.{broken}"


def _noise(verdict: Verdict, trial: Trial | None, metrics: Sequence[str]) -> dict[str, float]:
    """The noise floor of each metric: of all with the runs at hand, else of the one that decides."""
    if trial is not None:
        evidence = Evidence(trial)
        found = {metric: evidence.noise(metric) for metric in metrics}
        return {metric: noise for metric, noise in found.items() if noise is not None}
    control = verdict.control
    return {control.metric: control.noise} if control and known(control.noise) is not None and control.noise else {}


def _table(verdict: Verdict, order: Sequence[str], metrics: Sequence[str]) -> Table:
    rows = {(row.candidate, row.metric): row for row in verdict.comparisons}
    baseline = {row.metric: row for row in verdict.comparisons if known(row.baseline) is not None}
    first = (
        named(verdict.baseline),
        said(""),
        *(said(amount(baseline[m].baseline, baseline[m].unit) if m in baseline else UNKNOWN) for m in metrics),
    )
    breakers = guard_breakers(verdict)
    body = tuple(
        (
            named(one + " !" * (one in breakers), Tone.BAD if one in breakers else Tone.PLAIN),
            said(str(max((row.runs for row in verdict.comparisons if row.candidate == one), default=0))),
            *(_effect(rows.get((one, metric))) for metric in metrics),
        )
        for one in order
    )
    heads = [("*" * (metric == verdict.primary)) + title(metric) for metric in metrics]
    return Table(
        caption=f"Candidates against {verdict.baseline}",
        columns=(*left("candidate"), *right("runs", *heads)),
        rows=(first, *body),
    )


def _effect(row: Effect | None) -> Cell:
    if row is None or known(row.effect) is None:
        return said(UNKNOWN)
    return said(
        percent(row.effect), Tone.GOOD if row.verdict is Comparison.BETTER else Tone.PLAIN, limits(row.low, row.high)
    )


def _guards(guards: Sequence[GuardCheck], order: Sequence[str]) -> Iterator[Block]:
    if not guards:
        return
    place = {candidate: number for number, candidate in enumerate(order)}
    yield Table(
        caption="What must not get worse, with 95 % limits",
        columns=(*left("candidate", "metric", "guard"), *right("limit", "seen", "95 % limits")),
        rows=tuple(
            (
                named(check.candidate),
                named(name(check.metric)),
                said(check.state, _STATES[check.state]),
                said(percent(check.limit)),
                said(percent(check.effect)),
                said(UNKNOWN if check.low is None and check.high is None else interval(check.low, check.high)),
            )
            for check in sorted(guards, key=lambda check: place.get(check.candidate, len(place)))
        ),
    )


def _commands(verdict: Verdict, trial: Trial | None, order: Sequence[str]) -> Iterator[Block]:
    if trial is None:
        return
    if is_redacted(trial):
        yield Prose(text=NO_COMMANDS)
    else:
        yield Commands(steps=(*steps(verdict, trial.workload, order), repeat(trial)))
