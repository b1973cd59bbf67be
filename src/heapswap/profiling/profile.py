"""From what the probe wrote to the words of this room: pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from heapswap.profiling import wire
from heapswap.profiling.contention import contention
from heapswap.profiling.estimate import Times, own_cost, rate, share, times
from heapswap.profiling.lifetimes import held, lifetimes
from heapswap.profiling.memory import judge, retained
from heapswap.profiling.model import Calls, Moment, Process, SizeClass, Split
from heapswap.profiling.sites import call_sites
from heapswap.profiling.stacks import Stacks
from heapswap.profiling.wire import ALLOCATING, Flag, Function, Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The memory of one process over time, seen from outside."""

    timeline: tuple[Moment, ...] = ()
    splits: tuple[Split, ...] = ()


def processes(
    files: Sequence[Raw],
    cpu_seen: Mapping[int, float],
    courses: Mapping[str, Course],
) -> tuple[Process, ...]:
    """Every file as a process.

    Args:
        files: in the order in which the processes began.
        cpu_seen: CPU seconds of a process id as it was seen from outside, for those that were killed.
        courses: what was seen from outside, by `wire.Raw.name`.
    """
    rates = [known for file in files if (known := rate(file.header)) is not None]
    ticks = median(rates) if rates else None
    first = min((file.header.begun for file in files), default=0)
    last_images = {file.header.process: file.name for file in files}
    return tuple(
        _process(
            file,
            rate(file.header) or ticks,
            first,
            cpu_seen.get(file.header.process, 0.0) if last_images[file.header.process] == file.name else 0.0,
            courses.get(file.name, Course()),
        )
        for file in files
    )


def _process(
    file: Raw,
    ticks: float | None,
    first: int,
    cpu_seen: float,
    seen: Course,
) -> Process:
    header, timeline, splits = file.header, seen.timeline, seen.splits
    classes = file.tallies("classes")
    live = header.inherited + file.total("live") if Flag.LIVE_COUNTED in header.flags else None
    noted = (header.noted_cpu - header.begun_cpu) * 1e-9
    own = own_cost(file, ticks) if ticks else None
    # A process that was killed noted its time a while before; seen from outside it is all the CPU of that id.
    cpu = noted if Flag.ENDED in header.flags else max(noted, cpu_seen - header.begun_cpu * 1e-9)
    cpu = max(cpu - (own or 0.0), 0.0)
    timed = times(file, ticks) if ticks else None
    exact = peak(file)
    seconds = max((header.noted - header.begun) * 1e-9, timeline[-1].at if timeline else 0.0)
    return Process(
        pid=header.process,
        parent=header.parent,
        exe=header.program,
        arguments=header.arguments,
        forks=header.forks,
        allocator=header.library,
        began=(header.begun - first) * 1e-9,
        seconds=seconds,
        cpu=cpu,
        probe_cpu=own,
        allocations=int(classes[:, 0].sum()),
        frees=file.total("frees"),
        requested_bytes=int(classes[:, 1].sum()),
        failed=file.total("failed"),
        moved=file.total("moved"),
        grown_in_place=file.total("grown"),
        functions=functions(file),
        size_classes=size_classes(file),
        live_bytes=live,
        peak_live_bytes=exact if live is not None else None,
        peak_bound=header.quantum * header.slots if header.slots > 1 else 0,
        inherited_bytes=header.inherited,
        threads=header.threads,
        uncounted_threads=header.threads_refused,
        uncounted_children=header.children_refused,
        samples=len(file.samples),
        allocator_cpu_share=share(timed.cpu, cpu) if timed else None,
        kernel_share=share(timed.kernel, cpu) if timed else None,
        fault_share=share(timed.faulting, cpu) if timed else None,
        work_share=share(timed.work, cpu) if timed else None,
        lock_wait_share=share(timed.waiting, cpu + timed.waiting.value) if timed else None,
        quick_call=_quick(timed),
        contention=contention(file, ticks) if ticks else (),
        lifetimes=lifetimes(file, ticks) if ticks else (),
        held=held(file, ticks, seconds) if ticks else (),
        memory=judge(timeline, splits),
        retained_bytes=retained(timeline),
        timeline=timeline,
        splits=splits,
    )


def with_call_sites(
    processes: Sequence[Process], files: Sequence[Raw], stacks: Mapping[str, Stacks]
) -> tuple[Process, ...]:
    """The processes of these files with what their stacks tell, which are known by `wire.Raw.name`."""
    return tuple(
        replace(process, stacks=len(known.stacks), call_sites=call_sites(known)) if known else process
        for process, file in zip(processes, files, strict=True)
        for known in [stacks.get(file.name)]
    )


def peak(file: Raw) -> int:
    """The largest sum of live bytes: exact where one thread allocated, else to within a quantum a slot."""
    published = file.header.live
    ahead = [int(max(slot["high"], slot["live"]) - slot["published"]) for slot in file.slots]
    return max([file.header.peak, *(published + more for more in ahead)])


def functions(file: Raw) -> tuple[Calls, ...]:
    """Every function that was called; what the others do not account for is malloc's."""
    table = file.tallies("functions")
    whole = file.tallies("classes").sum(axis=0)
    others = table[[function for function in ALLOCATING if function is not Function.MALLOC]].sum(axis=0)
    table[Function.MALLOC] = whole - others
    return tuple(
        Calls(function=function.name.lower(), calls=int(table[function, 0]), bytes=int(table[function, 1]))
        for function in Function
        if table[function, 0]
    )


def size_classes(file: Raw) -> tuple[SizeClass, ...]:
    """Every size class that was asked for."""
    rows: Iterable[tuple[int, Sequence[int]]] = zip(wire.upper_limits(), file.tallies("classes").tolist(), strict=True)
    return tuple(SizeClass(up_to=limit, calls=calls, bytes=size) for limit, (calls, size) in rows if calls)


def _quick(timed: Times | None) -> float | None:
    return timed.quick.value / timed.calls.value if timed and timed.calls.value > 0 else None
