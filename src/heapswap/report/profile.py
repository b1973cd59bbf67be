"""One profile as a page: the tree in one line, then the processes that matter, each with its costs and its memory."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from rich.text import Text

from heapswap.profiling.model import Process, Profile
from heapswap.report.allocations import churn, class_lines, contention_lines, lifetime_lines
from heapswap.report.callsites import site_lines
from heapswap.report.figures import count, interval_of, part, thousands
from heapswap.report.findings import finding_lines
from heapswap.report.lines import heading, paragraph, printable
from heapswap.report.memory import memory_lines
from heapswap.report.terminal import Colour, render
from heapswap.units import format_bytes, format_duration

SHOWN = 4
"""processes shown at length; the others are added up"""


def profile_text(profile: Profile, *, saved: str, output: str, width: int, colour: Colour = Colour.NEVER) -> str:
    """The profile at `width` columns.

    Args:
        saved: the file that holds it.
        output: the folder that holds what the program printed.
    """
    ranked = sorted(profile.processes, key=weight, reverse=True)
    return render(
        [
            *paragraph(summary(profile), width),
            *(line for process in ranked[:SHOWN] for line in _process_lines(process, width)),
            *_rest(ranked[SHOWN:], width),
            *([Text(), *finding_lines(profile.findings, width)] if profile.findings else []),
            Text(),
            *paragraph(f"Saved in {printable(saved)}; the program's output is in {printable(output)}.", width),
        ],
        colour,
    )


def weight(process: Process) -> tuple[float, int]:
    """What the heaviest process has most of."""
    return process.cpu, process.allocations or 0


def summary(profile: Profile) -> str:
    """The tree in one sentence."""
    processes = "1 process" if len(profile.processes) == 1 else f"{len(profile.processes):,} processes"
    under = "as it is today" if profile.candidate == "current" else f"under {profile.candidate}"
    return (
        f"{processes} {under}: {format_duration(profile.wall)}, {format_duration(profile.cpu)} of CPU, "
        f"peak memory {format_bytes(profile.peak)}, "
        f"{thousands(sum(process.allocations or 0 for process in profile.processes))} allocations."
    )


def _process_lines(process: Process, width: int) -> Iterable[Text]:
    yield from heading(f"{process_name(process)}  (pid {process.pid})")
    for label, value in costs(process):
        yield from paragraph(value, width, first=f"  {label:<13}", rest=" " * 15)
    yield from contention_lines(process, width)
    yield from memory_lines(process, width)
    yield from lifetime_lines(process, width)
    yield from class_lines(process, width)
    yield from site_lines(process.call_sites, width)


def process_name(process: Process) -> str:
    """The program and its first arguments, short."""
    name = PurePath(process.exe).name or f"process {process.pid}"
    words = [PurePath(word).name if "/" in word else word for word in process.arguments[1:3]]
    return printable(" ".join([name, *words]))[:60]


def costs(process: Process) -> Iterable[tuple[str, str]]:
    """What a process asked of its allocator and what that took: names and values."""
    seconds = max(process.seconds, 1e-9)
    per_second = thousands((process.allocations or 0) / seconds) if process.seconds >= 0.01 else "-"
    yield (
        "calls",
        f"{thousands(process.allocations)} allocations ({per_second} a second), {thousands(process.frees)} frees, "
        f"{format_bytes(process.requested_bytes or 0)} requested, {count(process.threads, 'thread')}",
    )
    if pace := churn(process):
        yield "churn", pace
    if process.moved or process.grown_in_place:
        yield "resized", f"{thousands(process.moved)} moved, {thousands(process.grown_in_place)} grown in place"
    if process.failed:
        yield "failed", f"{thousands(process.failed)}"
    yield "allocator", _allocator(process)
    share = process.allocator_cpu_share
    if share is None:
        yield "CPU", f"{format_duration(process.cpu)}; too few calls to tell the allocator's share"
        return
    kernel = process.kernel_share
    of_it = f", of it {part(kernel.value)} in the kernel" if kernel and kernel.value >= 0.001 else ""
    yield "CPU", f"{format_duration(process.cpu)}, {interval_of(share)} in the allocator{of_it}"
    wait = process.lock_wait_share
    if wait is not None and process.threads > 1:
        yield "lock wait", f"{interval_of(wait)} of the time in which the program wanted to run"
    if process.quick_call is not None:
        yield "a call", f"{process.quick_call * 1e9:.0f} ns where it neither waits nor enters the kernel"
    if process.probe_cpu is not None:
        yield "the probe", f"took {format_duration(process.probe_cpu)} of CPU itself, which is not in these figures"


def _allocator(process: Process) -> str:
    return printable(PurePath(process.allocator).name) or "not known"


def _rest(processes: Sequence[Process], width: int) -> Iterable[Text]:
    if not processes:
        return
    cpu = sum(process.cpu for process in processes)
    allocations = sum(process.allocations or 0 for process in processes)
    yield Text()
    yield from paragraph(
        f"{len(processes):,} more processes: {format_duration(cpu)} of CPU, {thousands(allocations)} allocations.",
        width,
    )
