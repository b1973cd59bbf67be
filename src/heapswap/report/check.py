"""What `heapswap check` prints: the answer first, then every process, then what drifts and what to do about it."""

from collections import Counter
from itertools import groupby
from pathlib import Path

from rich.text import Text

from heapswap.inspection.drift import Check, Judged, Outcome, State
from heapswap.report.findings import finding_lines
from heapswap.report.lines import heading, paragraph, printable
from heapswap.report.terminal import Colour, render

_STATES = {
    State.IN_FORCE: "in force",
    State.DRIFT: "drift",
    State.OUT_OF_REACH: "out of reach of any preload",
    State.BEFORE: "started before it",
}


def check_text(checked: Check, *, width: int, colour: Colour = Colour.NEVER) -> str:
    """One check."""
    lines = paragraph(_answer(checked), width, style="bold")
    if checked.asked and checked.declared:
        lines += paragraph(f"Asked for: {checked.asked}", width, rest="  ")
    if checked.library:
        lines += paragraph(f"Library: {checked.library} ({checked.version or 'version unknown'})", width, rest="  ")
    if checked.processes:
        lines += heading("Processes")
        for (program, state, allocator), rows in groupby(checked.processes, key=_group):
            lines += _rows(program, state, allocator, [row.pid for row in rows], width)
    findings = [*checked.findings, *(finding for process in checked.processes for finding in process.findings)]
    if findings:
        lines += heading("Findings")
        lines += finding_lines(findings, width)
    return render(lines, colour)


def _answer(checked: Check) -> str:
    match checked.outcome:
        case Outcome.DISABLED:
            return "Turned off: HEAPSWAP_DISABLE is set."
        case Outcome.NOTHING_DECLARED:
            return f"Nothing is declared for this platform ({checked.asked})."
        case _ if checked.processes:
            return _of_processes(checked)
        case Outcome.IN_FORCE:
            return f"{checked.declared} can be put in force here."
        case Outcome.DRIFT:
            return f"Drift: {checked.declared} cannot be put in force here."


def _of_processes(checked: Check) -> str:
    counts = Counter(process.state for process in checked.processes)
    served, reachable = counts[State.IN_FORCE], counts[State.IN_FORCE] + counts[State.DRIFT]
    if checked.outcome is Outcome.IN_FORCE:
        return f"In force: {checked.declared} serves {_processes(served, 'every one of ')}."
    if served == reachable > 0:
        return f"Not confirmed: {checked.declared} serves {_processes(served, 'every one of ')}, but see below."
    return f"Drift: {checked.declared} serves {served or 'none'} of {_processes(reachable)} as declared."


def _processes(count: int, several: str = "") -> str:
    return "one process" if count == 1 else f"{several}{count} processes"


def _group(process: Judged) -> tuple[str, State, str]:
    return process.program, process.state, process.allocator


def _rows(program: str, state: State, allocator: str, pids: list[int], width: int) -> list[Text]:
    numbers = " ".join(map(str, pids))
    lines = paragraph(f"{printable(Path(program).name)} {numbers}: {_STATES[state]}", width, first="  ", rest="    ")
    if state is not State.IN_FORCE:
        lines += paragraph(f"malloc of {allocator or 'an object that was not seen'}", width, first="    ")
    return lines
