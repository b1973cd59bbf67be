"""What `heapswap inspect` prints: the answer first, then the evidence, what else is there, and the conflicts."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.text import Text

from heapswap.allocators.locate import UNKNOWN
from heapswap.inspection.model import Inspection, Presence, Use
from heapswap.report.findings import finding_lines
from heapswap.report.lines import heading, paragraph, printable
from heapswap.report.terminal import Colour, render

_HOW = {
    Presence.PRELOADED: "preloaded",
    Presence.LINKED: "linked",
    Presence.STATIC: "inside the program",
    Presence.WHEEL: "inside a Python package",
    Presence.LIBC: "the C library's own",
}
_LONGEST_COMMAND = 60
"""characters of a command line in the first line"""


def inspection_text(inspection: Inspection, *, width: int, colour: Colour = Colour.NEVER) -> str:
    """One process or program."""
    serving, others = _split(inspection)
    lines = paragraph(_answer(inspection, serving), width, style="bold")
    lines += heading("Evidence")
    lines += paragraph(f"program: {_program(inspection)}", width, first="  ", rest="    ")
    if serving is not None:
        lines += _use_lines(serving, width)
    if others:
        lines += heading("Also present")
        for use in others:
            lines += _use_lines(use, width)
    if inspection.findings:
        lines += heading("Conflicts" if inspection.pid is None else "Findings and conflicts")
        lines += finding_lines(inspection.findings, width)
    return render(lines, colour)


def overview_text(inspections: Sequence[Inspection], *, width: int, colour: Colour = Colour.NEVER) -> str:
    """Many processes, grouped by program and by the allocator that serves them."""
    groups = [(key, list(rows)) for key, rows in groupby(sorted(inspections, key=_group), key=_group)]
    counts = (_count(len(inspections), "process", "processes"), _count(len({key[0] for key, _ in groups}), "program"))
    lines = paragraph(f"{counts[0]} of {counts[1]} could be read.", width, style="bold")
    for (program, _), rows in groups:
        lines.append(Text())
        lines += paragraph(program, width, rest="    ")
        serving, others = _split(rows[0])
        told = f"uses {_named(serving)}" if serving else "its allocator cannot be told"
        lines += paragraph(told, width, first="  ")
        if others:
            lines += paragraph(", ".join(_named(use) for use in others), width, first="  also ")
        lines += paragraph(" ".join(str(row.pid) for row in rows), width, first="  PID ")
    return render(lines, colour)


def _group(inspection: Inspection) -> tuple[str, str]:
    return inspection.program, "; ".join(_named(use) for use in inspection.uses)


def _split(inspection: Inspection) -> tuple[Use | None, tuple[Use, ...]]:
    """The use that serves, and the others; an inspection puts the serving one first."""
    if not inspection.allocator or not inspection.uses:
        return None, inspection.uses
    return inspection.uses[0], inspection.uses[1:]


def _answer(inspection: Inspection, serving: Use | None) -> str:
    if inspection.pid is None:
        subject, verb = inspection.subject, "would use"
    else:
        subject, verb = f"PID {inspection.pid} ({_shortened(inspection.subject)})", "uses"
    if serving is None:
        return f"Which allocator {subject} {verb} cannot be told."
    return f"{subject} {verb} {_named(serving)}."


def _named(use: Use) -> str:
    family = "an unknown allocator" if use.family == UNKNOWN else use.family
    return f"{family} {use.version}".rstrip() + f", {_HOW[use.presence]}"


def _program(inspection: Inspection) -> str:
    facts = [inspection.machine, inspection.libc or "C library unknown"]
    if inspection.python:
        facts.append(f"Python {inspection.python}")
    return f"{inspection.program} ({', '.join(facts)})"


def _use_lines(use: Use, width: int) -> list[Text]:
    place = "" if use.presence is Presence.STATIC else f": {use.path}"
    return [
        *paragraph(f"{_named(use)}{place}", width, first="  ", rest="    "),
        *paragraph(use.evidence, width, first="    "),
    ]


def _shortened(command: str) -> str:
    words = command.split(" ", 1)
    text = printable(" ".join([Path(words[0]).name, *words[1:]]))
    return text if len(text) <= _LONGEST_COMMAND else f"{text[: _LONGEST_COMMAND - 1]}…"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
