"""The text of ``perf script``, read as events. Pure.

An event begins with process and thread and the time, then a period and a name, or what became of the thread. The frames
of a sample follow, the innermost first, each with its address, its symbol and the file it lies in.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CLOCK = "cpu-clock"
SWITCHES = "context-switches"

_EVENT = re.compile(
    r"^\s*(\d+)/(\d+)\s+(\d+\.\d+):\s+(?:(\d+)\s+([\w-]+)(?::[a-zA-Z]+)?:|PERF_RECORD_SWITCH\w*\s+(.*?))\s*$"
)
_FRAME = re.compile(r"^\s+([0-9a-f]+)\s+(.*?)(?:\+0x[0-9a-f]+)? \(([/\[].*)\)$")
_KERNEL = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One function of a stack."""

    symbol: str
    """``[unknown]`` where perf found none"""
    object: str
    """path of the file; ``[kernel.kallsyms]``, ``[unknown]``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample of an event."""

    process: int
    thread: int
    time: float
    """seconds of perf's clock"""
    event: str
    period: int
    """how much of the event it stands for: nanoseconds of `CLOCK`, switches"""
    in_kernel: bool
    frames: tuple[Frame, ...]
    """of the program, the innermost first; the kernel's are left out"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A thread left its processor, or came back to one."""

    process: int
    thread: int
    time: float
    left: bool
    preempted: bool
    """it wanted to go on"""


def events(lines: Iterable[str]) -> Iterator[Sample | Switch]:
    """Every event that is understood, in the order of the text."""
    head: re.Match[str] | None = None
    frames: list[Frame] = []
    in_kernel = False
    for line in lines:
        if found := _EVENT.match(line):
            if head:
                yield _event(head, frames, in_kernel)
            head, frames, in_kernel = found, [], False
        elif (frame := _FRAME.match(line)) and int(frame[1], 16) >= _KERNEL:
            # Behind the program's own functions such an address is only where a stack could not be followed further.
            in_kernel = in_kernel or not frames
        elif frame:
            frames.append(Frame(symbol=frame[2], object=frame[3]))
    if head:
        yield _event(head, frames, in_kernel)


def _event(head: re.Match[str], frames: list[Frame], in_kernel: bool) -> Sample | Switch:
    process, thread, time, period, name, change = head.groups()
    if name is None:
        return Switch(
            process=int(process),
            thread=int(thread),
            time=float(time),
            left=change.startswith("OUT"),
            preempted="preempt" in change,
        )
    return Sample(
        process=int(process),
        thread=int(thread),
        time=float(time),
        event=name,
        period=int(period),
        in_kernel=in_kernel,
        frames=tuple(frames),
    )
