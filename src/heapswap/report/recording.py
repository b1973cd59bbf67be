"""What is said of a recording: a line while it goes on, and a summary when it has ended."""

from pathlib import Path

from heapswap.report.figures import count
from heapswap.traces.record import Limits, Reason, State
from heapswap.units import format_bytes, format_duration


def line(state: State) -> str:
    """One line of less than 80 columns: how far it is."""
    return (
        f"recording {format_duration(state.seconds)}: {_number(state.events)} events, "
        f"{format_bytes(state.bytes)}; {format_bytes(state.ring_memory)} in memory"
    )


def summary(state: State, file: Path, *, size: int, packed: bool, limits: Limits) -> tuple[str, ...]:
    """What was recorded, where it is, and, where that is not the whole run, why.

    Args:
        size: of the file, bytes.
        packed: it is compressed, or was not meant to be.
    """
    each = f"{state.bytes / state.events:.1f} bytes an event" if state.events else "no event"
    return (
        f"recorded {_number(state.events)} events of {count(state.threads, 'thread')} in "
        f"{_processes(state.processes)} into {file}",
        f"{each} as recorded, {format_bytes(size)} as it is now; at most {format_bytes(state.ring_memory)} of memory "
        "in between",
        *_ends(state, limits),
        *_doubts(state, packed=packed),
    )


def _ends(state: State, limits: Limits) -> tuple[str, ...]:
    after = f"it ended after {format_duration(state.seconds)}"
    words = {
        Reason.ENDED: "it ended with the program",
        Reason.SIZE: f"{after}: the trace has reached {format_bytes(limits.size or 0)}; --max-size allows more",
        Reason.TIME: f"{after}, as asked; the program went on unrecorded",
        Reason.BEHIND: f"{after}: the program filled {format_bytes(limits.memory)} of memory faster than they could be "
        "written; give it a faster disk with -o, or a free processor",
        Reason.MEMORY: f"{after}: no memory was left for it in /dev/shm; make room there (Docker: --shm-size)",
        Reason.DISK: f"{after}: the file could not be written; give one on a file system with room with -o",
        Reason.KILLED: "the collector was killed; what it had written until then is there",
    }
    return (words[state.reason],) if state.reason else ()


def _doubts(state: State, *, packed: bool) -> tuple[str, ...]:
    said = []
    if state.processes_refused:
        refused = _processes(state.processes_refused)
        said.append(f"{refused} could not be recorded: no file could be made in memory")
    if state.threads_refused:
        said.append(f"{count(state.threads_refused, 'thread')} could not be recorded: there were too many at once")
    if not packed:
        said.append("the trace could not be compressed for want of room; it can be used as it is")
    return tuple(said)


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def _number(value: int) -> str:
    return f"{value:,}"
