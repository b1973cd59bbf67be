"""The answer of `heapswap advise`: what to do in one sentence, then everything it rests on."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from heapswap import artifact
from heapswap.report.diagnosis import diagnosis_lines
from heapswap.report.figures import amount, count, interval, known, name, percent, share
from heapswap.report.findings import finding_lines
from heapswap.report.guards import guard_lines, open_guard_lines
from heapswap.report.lines import heading, paragraph
from heapswap.report.nextstep import step_lines, steps
from heapswap.report.scaling import ramp_lines, rest_lines
from heapswap.report.tables import comparison_table, guard_breakers, metrics_shown, ranked
from heapswap.report.terminal import Colour, render
from heapswap.verdict.model import Decision, Effect, NotTried, Verdict
from heapswap.verdict.objective import HEAP
from heapswap.workload import Workload

_STYLES = {
    Decision.ADOPT: "bold green",
    Decision.KEEP: "bold",
    Decision.INCONCLUSIVE: "bold yellow",
    Decision.UNSAFE: "bold red",
}


def verdict_json(verdict: Verdict) -> bytes:
    """One JSON object and a newline."""
    return artifact.encode(verdict) + b"\n"


def verdict_text(
    verdict: Verdict, *, workload: Workload, results: str, width: int, colour: Colour = Colour.NEVER
) -> str:
    """The whole answer at `width` columns; `results` is the folder that holds everything measured."""
    order = candidates_in_order(verdict, workload)
    return render(
        [
            *headline_lines(verdict, order, width),
            *before_and_after(verdict, order, width),
            *open_guard_lines(verdict.guards, verdict.candidate, width),
            *evidence_lines(verdict, order, width),
            *heading("Next"),
            *step_lines(steps(verdict, workload, order), width),
            *results_lines(results, width),
        ],
        colour,
    )


def candidates_in_order(verdict: Verdict, workload: Workload) -> list[str]:
    """Candidates that were run, the best first."""
    return ranked(verdict, workload.metrics)


def headline_lines(verdict: Verdict, order: Sequence[str], width: int) -> list[Text]:
    """The answer in one sentence, and who is ahead where it is still open."""
    leader = next((name for name in order if name not in guard_breakers(verdict)), None)
    best = _row(verdict, leader, verdict.primary) if verdict.outcome is Decision.INCONCLUSIVE else None
    ahead = f"Best so far: {best.candidate}, {_shown(best)}." if best and known(best.effect) is not None else ""
    return [
        *paragraph(headline(verdict), width, style=_STYLES[verdict.outcome]),
        *(paragraph(ahead, width) if ahead else []),
    ]


def headline(verdict: Verdict) -> str:
    """The answer in one sentence, with the effect or the reason it rests on."""
    reason = _sentence(verdict.reason)
    match verdict.outcome:
        case Decision.ADOPT if verdict.objective == HEAP:
            row = _row(verdict, verdict.candidate, verdict.primary)
            gain = f": {_shown(row)}" if row else ""
            return f"In the replay {verdict.candidate} is better, so it is worth a trial{gain}."
        case Decision.ADOPT:
            row = _row(verdict, verdict.candidate, verdict.primary)
            return f"Adopt {verdict.candidate}: {_shown(row)}." if row else f"Adopt {verdict.candidate}."
        case Decision.KEEP:
            kept = "the present allocator" if verdict.baseline == "current" else verdict.baseline
            return f"Keep {kept}: {reason}"
        case Decision.INCONCLUSIVE:
            more = verdict.runs_needed
            missing = "" if more is None else f" About {count(more, 'more run')} would settle it."
            return f"Inconclusive: {reason}{missing}"
        case Decision.UNSAFE:
            return f"Unsafe: {reason}"


def before_and_after(verdict: Verdict, order: Sequence[str], width: int) -> list[Text]:
    """The values behind the effects of the candidate that the answer is about, folded."""
    return [line for text in change_told(verdict, order) for line in paragraph(text, width)]


def change_told(verdict: Verdict, order: Sequence[str]) -> tuple[str, ...]:
    """The values behind the effects of the candidate that the answer is about; nothing where there is none."""
    if verdict.outcome not in (Decision.ADOPT, Decision.INCONCLUSIVE) or not order:
        return ()
    subject = verdict.candidate or order[0]
    rows = [_row(verdict, subject, metric) for metric in metrics_shown(verdict.comparisons, verdict.primary)]
    changes = [change for row in rows if row and (change := _change(row))]
    return (_capital(", ".join(changes)) + ".",) if changes else ()


def evidence_lines(verdict: Verdict, order: Sequence[str], width: int) -> list[Text]:
    """Table, reasons, guards, findings and what was not tried; a section with nothing to say is left out."""
    return [
        *_table(verdict, order, width),
        *section("Under load", ramp_lines(verdict.ramps, order, width)),
        *section("Memory at rest, cycle by cycle", rest_lines(verdict.growths, width)),
        *section("Why", _why(verdict, width)),
        *section("Profile (the first run)", diagnosis_lines(verdict.diagnosis, width) if verdict.diagnosis else []),
        *section("Guards (not to get worse; 95 % limits)", guard_lines(verdict.guards, order, width)),
        *section("Findings", finding_lines(verdict.findings, width)),
        *section("Not tried", not_tried_lines(verdict.not_tried, width)),
    ]


def results_lines(results: str, width: int) -> list[Text]:
    """Where everything measured is kept."""
    return [Text(), *paragraph(f"Everything measured is kept in {results}", width, rest="  ", style="dim")]


def _table(verdict: Verdict, order: Sequence[str], width: int) -> list[Text]:
    if not order:
        return []
    table = comparison_table(verdict, order, width)
    notes = [_legend(verdict), *noise_told(verdict)]
    if guard_breakers(verdict):
        notes.append("!: breaks a guard, so it is not adopted whatever it gains.")
    if table.left_out:
        notes.append(f"No room here for {', '.join(map(name, table.left_out))}: widen the terminal or use --json.")
    return [
        Text(),
        *table.lines,
        *(line for note in notes for line in paragraph(note, width, style="dim")),
    ]


def _legend(verdict: Verdict) -> str:
    intervals = any(row.low is not None or row.high is not None for row in verdict.comparisons)
    below = ", 99 % intervals below" if intervals else ""
    return f"Effects against {verdict.baseline}{below}. *: decides. (n): runs, of {verdict.runs}."


def noise_told(verdict: Verdict) -> list[str]:
    """The noise floor and what would go unseen below it; nothing where that is not known."""
    control = verdict.control
    noise = known(control.noise) if control else None
    if control is None or noise is None:
        return []
    itself = ""
    if control.effect is not None:
        itself = f"; {verdict.baseline} against itself {_with_interval(control.effect, control.low, control.high)}"
    blocks = f" over {count(control.blocks, 'block')}" if control.blocks else ""
    unseen = known(verdict.detectable)
    smallest = "" if unseen is None else f" A gain below {share(unseen)} would likely go unseen."
    return [f"Noise floor {share(noise)} in {name(control.metric)}{itself}{blocks}.{smallest}"]


def section(name: str, lines: list[Text]) -> list[Text]:
    """Lines below their heading; nothing where there are none."""
    return [*heading(name), *lines] if lines else []


def why(verdict: Verdict) -> tuple[str, ...]:
    """What the answer rests on, a sentence each; the reason only where the headline does not say it."""
    source = f"Objective {verdict.objective}, decided by {name(verdict.primary)}; rule {verdict.rule}."
    said = _sentence(verdict.reason)
    told = [] if not verdict.reason or said in headline(verdict) else [said]
    return (*told, source)


def _why(verdict: Verdict, width: int) -> list[Text]:
    return [line for text in why(verdict) for line in paragraph(text, width, first="  ")]


def not_tried_lines(candidates: Iterable[NotTried], width: int) -> list[Text]:
    """Candidates by the reason why they were left out."""
    reasons: dict[str, list[str]] = {}
    for item in candidates:
        reasons.setdefault(item.reason, []).append(item.candidate)
    return [
        line
        for reason, names in reasons.items()
        for line in paragraph(f"{', '.join(names)}: {reason}", width, first="  ", rest="    ")
    ]


def _row(verdict: Verdict, candidate: str | None, metric: str) -> Effect | None:
    return next((row for row in verdict.comparisons if row.candidate == candidate and row.metric == metric), None)


def _change(row: Effect) -> str:
    """``idle memory 132 MiB -> 34.0 MiB``; empty where one of them is not known."""
    baseline, effect = known(row.baseline), known(row.effect)
    if baseline is None or effect is None:
        return ""
    return f"{name(row.metric)} {amount(baseline, row.unit)} -> {amount(baseline * (1 + effect), row.unit)}"


def _shown(row: Effect) -> str:
    if row.low is None and row.high is None:
        return f"{name(row.metric)} {percent(row.effect)} (too few runs for an interval)"
    return f"{name(row.metric)} {percent(row.effect)} (99 % interval {interval(row.low, row.high)})"


def _with_interval(effect: float | None, low: float | None, high: float | None) -> str:
    return percent(effect) if low is None and high is None else f"{percent(effect)} ({interval(low, high)})"


def _sentence(reason: str) -> str:
    return reason.rstrip(" .") + "."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
