"""The ramp of a service as a table, a step a line, and what it says of scaling and of memory at rest."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from heapswap.estimate import Estimate
from heapswap.report.figures import UNKNOWN, amount, known, percent, rounded_span, share
from heapswap.report.lines import paragraph
from heapswap.scaling.model import Growth, Law, Limit, Point, Ramp, StepEffect
from heapswap.scaling.usl import LEAST_LEVELS

TITLES = {"throughput": "throughput", "latency_p99": "p99", "latency_p50": "median", "latency_mean": "mean"}
"""by how much they matter: the last gives way first"""
_LEAST = 3
"""columns: the step, its throughput, and the effect on that"""
WHO = {
    Limit.MACHINE: "the machine",
    Limit.OTHERS: "other programs on the machine",
    Limit.GENERATOR: "its load generator",
    Limit.PROGRAM: "the program",
    Limit.NOTHING: "nothing that was measured",
    Limit.UNKNOWN: "something that was not measured",
}


def _subject(ramps: Sequence[Ramp], order: Sequence[str]) -> Ramp | None:
    by_name = {ramp.candidate: ramp for ramp in ramps[1:]}
    return next((by_name[name] for name in order if name in by_name), None)


def ramp_lines(ramps: Sequence[Ramp], order: Sequence[str], width: int) -> list[Text]:
    """The best candidate of `order` beside the baseline at every step, then a sentence about each ramp."""
    if not ramps:
        return []
    subject = _subject(ramps, order)
    return [
        *_aligned(_rows(ramps[0], subject), width),
        *paragraph(_legend(ramps[0], subject), width, first="  ", style="dim"),
        *(line for text in _said(ramps, subject) for line in paragraph(text, width, first="  ")),
    ]


def _rows(base: Ramp, subject: Ramp | None) -> list[list[str]]:
    effects = subject.effects if subject else ()
    metrics = [name for name in TITLES if any(one.metric == name for one in effects)]
    paced = any(point.rate is not None for point in base.points)
    head = ["rate" if paced else "clients"]
    if subject is None:
        return [[*head, "throughput"], *([step(point), rate(point.throughput)] for point in base.points)]
    for metric in metrics:
        head += [TITLES[metric], "effect"]
    rows = [head]
    for point in base.points:
        row = [step(point)]
        for metric in metrics:
            found = next((e for e in effects if (e.level, e.rate, e.metric) == (point.level, point.rate, metric)), None)
            row += [_value(found), _effect(found)]
        rows.append(row)
    return rows


def _legend(base: Ramp, subject: Ramp | None) -> str:
    """Whose figures these are, and what the latencies are worth."""
    whose = f"{base.candidate}, and the effect of {subject.candidate} (99 % limits)." if subject else base.candidate
    closed = any(point.rate is None for point in base.points)
    return whose + (" Closed loop: a slower service is asked less, so latencies do not decide." if closed else "")


def _value(effect: StepEffect | None) -> str:
    """What the baseline has there."""
    value = known(effect.baseline) if effect else None
    if effect is None or value is None:
        return UNKNOWN
    if effect.unit == "ms":
        return amount(value / 1000, "s")
    return rate(value) if effect.unit == "1/s" else amount(value, effect.unit)


def step(point: Point) -> str:
    """What was asked of the service at a step: clients, or a rate."""
    return str(point.level) if point.rate is None else rate(point.rate)


def rate(value: float) -> str:
    """Operations a second."""
    return f"{value:,.0f}/s" if 100 <= value < 1e9 else f"{value:.3g}/s"


def _effect(effect: StepEffect | None) -> str:
    if effect is None or known(effect.effect) is None:
        return UNKNOWN
    limits = rounded_span(effect.low, effect.high)
    return f"{percent(effect.effect)} ({limits})" if limits else percent(effect.effect)


def _aligned(rows: Sequence[Sequence[str]], width: int) -> list[Text]:
    """Columns to the right; the last metric with its effect gives way where there is no room."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    while len(widths) > _LEAST and sum(widths) + 2 * len(widths) > width:
        del widths[-2:]
    if sum(widths) + 2 * len(widths) > width:
        del widths[2:]
    lines = []
    for number, row in enumerate(rows):
        cells = [" " * (room - cell_len(cell)) + cell for cell, room in zip(row, widths, strict=False)]
        lines.append(Text("  " + "  ".join(cells), style="" if number else "bold"))
    return lines


def _said(ramps: Sequence[Ramp], subject: Ramp | None) -> list[str]:
    """A sentence a ramp, and one about scaling; nothing about a single step."""
    if len(ramps[0].points) < 2:
        return []
    explained = (ramps[0], subject)
    sentences = [_saturates(ramp, f": {ramp.saturation.why}" if ramp in explained else "") for ramp in ramps]
    return [*sentences, scaling_told(ramps, subject)]


def _saturates(ramp: Ramp, figures: str) -> str:
    found = ramp.saturation
    if found.level is None:
        return f"{ramp.candidate}: {found.why}."
    return f"{ramp.candidate} is saturated at {clients(found.level)} by {WHO[found.limit]}{figures}."


def clients(level: int) -> str:
    """How many."""
    return f"{level} client" if level == 1 else f"{level} clients"


def scaling_told(ramps: Sequence[Ramp], subject: Ramp | None) -> str:
    """The law of the baseline and of the best candidate, or why there is none."""
    base = ramps[0]
    if base.law is None:
        cores = "1 core" if base.cores == 1 else f"{base.cores} cores"
        needed = f"{LEAST_LEVELS} steps with a core for each client are needed"
        return f"Scaling is not measurable on this machine ({cores}; {needed})."
    shown = [ramp for ramp in (base, subject) if ramp is not None]
    return " ".join(f"{ramp.candidate}: {_law(ramp.law)}." for ramp in shown if ramp.law is not None)


def _law(law: Law) -> str:
    parts = [f"contention {estimated(law.contention)}", f"coherence {estimated(law.coherence)}"]
    peak = f"highest at {law.peak.value:.0f} clients" if law.peak else "no highest point"
    return f"{', '.join(parts)}, {peak}"


def estimated(one: Estimate) -> str:
    """A share with its limits, where it has any."""
    limits = "" if one.low is None or one.high is None else f" ({share(one.low)} to {share(one.high)})"
    return share(one.value) + limits


def rest_lines(growths: Sequence[Growth], width: int) -> list[Text]:
    """A sentence a candidate: what its memory at rest does from cycle to cycle."""
    return [
        line
        for growth in growths
        for line in paragraph(f"{growth.candidate}: {growth.kind}; {growth.why}.", width, first="  ", rest="    ")
    ]
