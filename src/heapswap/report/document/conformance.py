"""A conformance answer as a document: which promises hold, what becomes of mistakes, what hardening costs."""

from collections.abc import Iterator

from heapswap.conformance import price
from heapswap.conformance.clauses import CLAUSES, MISUSES
from heapswap.conformance.model import Conformance, Outcome, Reaction
from heapswap.report.conformance import LEGEND, headline
from heapswap.report.document.machine import machine
from heapswap.report.document.model import (
    Block,
    Commands,
    Document,
    Facts,
    Prose,
    Section,
    Table,
    Tone,
    left,
    named,
    right,
    said,
    sections,
)
from heapswap.report.nextstep import Step

_TONES = {Outcome.HELD: Tone.GOOD, Outcome.NOT_APPLICABLE: Tone.FAINT}
_REACTIONS = {
    Reaction.DETECTED: Tone.GOOD,
    Reaction.IGNORED: Tone.GOOD,
    Reaction.CRASHED: Tone.DOUBT,
    Reaction.NOT_APPLICABLE: Tone.FAINT,
}
_WORDS = {"not_applicable": "does not apply"}


def conformance_document(found: Conformance) -> Document:
    """Clauses in the order of the table; a broken one with what was seen."""
    return Document(
        kind="conformance",
        subject=found.candidate,
        answer=headline(found) + ".",
        tone=Tone.BAD if found.broken else Tone.GOOD,
        beside=(),
        sections=sections(
            Section(title="Clauses", blocks=tuple(_clauses(found))),
            Section(title="What becomes of a program's mistakes", blocks=tuple(_hardening(found))),
            Section(title="What hardening costs", blocks=tuple(_prices(found))),
            Section(title="Library", blocks=tuple(_library(found))),
            Section(
                title="What to type",
                blocks=(
                    Commands(steps=(Step(purpose="To ask again:", words=("heapswap", "conform", found.candidate)),)),
                ),
            ),
            machine(found.environment),
        ),
    )


def _clauses(found: Conformance) -> Iterator[Block]:
    table = {clause.id: clause for clause in CLAUSES}
    yield Table(
        caption="Promises that programs rely on",
        columns=left("clause", "outcome", "what it says", "source", "what was seen"),
        rows=tuple(
            (
                named(one.id),
                said(_WORDS.get(one.outcome, one.outcome), _TONES.get(one.outcome, Tone.BAD)),
                said(table[one.id].says if one.id in table else ""),
                said(table[one.id].source if one.id in table else "", Tone.FAINT),
                said("" if one.outcome is Outcome.HELD else one.detail),
            )
            for one in found.clauses
        ),
    )


def _hardening(found: Conformance) -> Iterator[Block]:
    if not found.hardening:
        return
    says = {misuse.id: misuse.says for misuse in MISUSES}
    reactions = {(row.candidate, one.id): one.reaction for row in found.hardening for one in row.attempts}
    builds = [row.candidate for row in found.hardening]
    mistakes = dict.fromkeys(one.id for row in found.hardening for one in row.attempts)
    yield Table(
        caption="Reactions of each build",
        columns=left("mistake", *builds),
        rows=tuple(
            (
                said(says.get(mistake, mistake)),
                *(
                    said(_WORDS.get(seen, seen), _REACTIONS.get(seen, Tone.BAD))
                    for build in builds
                    for seen in (reactions.get((build, mistake), Reaction.NOT_APPLICABLE),)
                ),
            )
            for mistake in mistakes
        ),
    )
    yield Prose(text=LEGEND, tone=Tone.FAINT)


def _prices(found: Conformance) -> Iterator[Block]:
    if not found.prices:
        return
    first = found.prices[0]
    yield Table(
        caption=f"Hardened / plain, {first.pairs} pairs of runs, {first.confidence * 100:.3g} % intervals",
        columns=(*left("what is timed"), *right("ratio", "interval")),
        rows=tuple(
            (
                said(price.SAYS.get(one.id, one.id)),
                said(f"x{one.ratio:.2f}"),
                said(f"{one.low:.2f} to {one.high:.2f}"),
            )
            for one in found.prices
        ),
    )


def _library(found: Conformance) -> Iterator[Block]:
    pairs = [("candidate", found.candidate), ("C library", found.system)]
    if found.library is not None:
        pairs += [("file", found.library.path), ("version", found.library.version or "not known")]
        pairs += [("build id", found.library.build_id)] if found.library.build_id else []
    yield Facts(pairs=tuple(pairs))
