"""A comparison of two artifacts as a document: what changed beyond doubt first."""

from collections.abc import Iterator

from heapswap.estimate import Estimate
from heapswap.report.comparison.model import Change, Comparison, Form, Said
from heapswap.report.document.model import (
    Block,
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
from heapswap.report.figures import UNKNOWN, amount, count, interval, name, percent

_SAYS = {Said.LESS: "less", Said.MORE: "more", Said.OPEN: "not told apart", Said.COUNTED: "one run each"}


def comparison_document(comparison: Comparison) -> Document:
    """Words that turned, then figures: effects before values."""
    clear = [one for one in comparison.changes if one.says in (Said.LESS, Said.MORE)]
    rest = [one for one in comparison.changes if one.says not in (Said.LESS, Said.MORE)]
    return Document(
        kind="comparison",
        subject=comparison.subject,
        answer=answer(comparison),
        tone=Tone.PLAIN,
        beside=(),
        sections=sections(
            Section(title="What became another answer", blocks=tuple(_turns(comparison))),
            Section(title="Changes beyond doubt", blocks=tuple(_changes(clear, comparison))),
            Section(title="Other figures", blocks=tuple(_changes(rest, comparison))),
            Section(title="Findings", blocks=findings(comparison.findings)),
            Section(title="Not in both", blocks=tuple(_alone(comparison))),
        ),
    )


def answer(comparison: Comparison) -> str:
    """What changed, in one sentence."""
    verdict = {turn.measure: turn for turn in comparison.turns if turn.subject == "verdict"}
    clear = sum(one.says in (Said.LESS, Said.MORE) for one in comparison.changes)
    open_ = sum(one.says is Said.OPEN for one in comparison.changes)
    figures = f"{count(clear, 'figure')} changed beyond doubt, {open_} cannot be told apart"
    if turn := verdict.get("the answer"):
        return f"The answer was {turn.before}, and is {turn.after}; {figures}."
    if turn := verdict.get("adopted"):
        return f"The choice was {turn.before}, and is {turn.after}; {figures}."
    words = f"{count(len(comparison.turns), 'answer')} became another; " if comparison.turns else ""
    same = "The answer is the same; " if comparison.of in ("trial", "verdict") else words
    return f"{same}{figures}." if comparison.changes or comparison.turns else "Nothing changed that both tell."


def _turns(comparison: Comparison) -> Iterator[Block]:
    if comparison.turns:
        yield Table(
            caption="Where it says something else now",
            columns=left("what", "of", "before", "now"),
            rows=tuple(
                (named(turn.subject), said(turn.measure), said(turn.before), said(turn.after))
                for turn in comparison.turns
            ),
        )


def _changes(changes: list[Change], comparison: Comparison) -> Iterator[Block]:
    if not changes:
        return
    yield Table(
        caption=f"From the older to the newer, with {comparison.confidence * 100:.3g} % intervals",
        columns=(*left("what", "measure"), *right("before", "now", "change", "interval"), *left("says")),
        rows=tuple(
            (
                named(one.subject),
                said(_measure(one)),
                said(_value(one.before, one.unit)),
                said(_value(one.after, one.unit)),
                said(_change(one.change.value, one.form)),
                said(_limits(one)),
                said(_SAYS[one.says], Tone.FAINT),
            )
            for one in changes
        ),
    )
    if any(one.says is Said.COUNTED for one in changes):
        yield Prose(text="One run each has no interval: repeat it before a small change is believed.", tone=Tone.FAINT)


def _measure(change: Change) -> str:
    if change.unit == "effect":
        return f"effect on {name(change.measure)}"
    return name(change.measure)


def _value(estimate: Estimate, unit: str) -> str:
    if unit == "effect":
        return percent(estimate.value)
    return f"{100 * estimate.value:.1f} %" if unit == "share" else amount(estimate.value, unit)


def _change(value: float, form: Form) -> str:
    return percent(value) if form is Form.RATIO else f"{100 * value:+.1f} points"


def _limits(change: Change) -> str:
    low, high = change.change.low, change.change.high
    if low is None or high is None:
        return UNKNOWN
    return interval(low, high) if change.form is Form.RATIO else f"{100 * low:+.1f} to {100 * high:+.1f}"


def _alone(comparison: Comparison) -> Iterator[Block]:
    for words, names in (("before", comparison.only_before), ("now", comparison.only_after)):
        if names:
            yield Prose(text=f"Only {words}: {', '.join(names)}.")
