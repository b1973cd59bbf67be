"""One run under the probe: `profile` asks for it, and `advise` begins with it."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from heapswap import native
from heapswap.allocators.model import Activation, Candidate, Library, Origin
from heapswap.allocators.spelling import CURRENT
from heapswap.artifact import text
from heapswap.environment import present
from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import Program
from heapswap.profiling import doubts, touching, wire
from heapswap.profiling.model import Process, Profile
from heapswap.profiling.place import Depth, observed, place
from heapswap.profiling.profile import processes, with_call_sites
from heapswap.profiling.sites import of_all
from heapswap.profiling.stacks import Stacks, read
from heapswap.profiling.watch import Watch
from heapswap.trials.executor import Executor, Order
from heapswap.trials.model import Outcome, ProcessSeen, Run

HARMLESS = frozenset({"private-api", "linked-allocator", "go-heap", "own-allocator"})
"""conflicts of another allocator that are none of the probe's: it leaves every block with the allocator it came from"""


Meanwhile = Callable[[Path, Watch], AbstractContextManager[object]]
"""what is done while the program runs, given the probe's folder and the look at the tree's memory"""


class Observer:
    """An executor whose runs are under the probe; what it holds is of the last one that ended."""

    def __init__(
        self,
        executor: Executor,
        depth: Depth = Depth.CALLS,
        meanwhile: Meanwhile = lambda _files, _watch: nullcontext(),
    ) -> None:
        self._executor = executor
        self._depth = depth
        self._meanwhile = meanwhile
        self.outcome: Outcome | None = None
        self.profile: Profile | None = None
        self.folded = ""
        """call stacks of sampled allocations, folded; empty where none were looked at"""

    def execute(self, order: Order) -> Run:
        """See `Executor`.

        Raises:
            CannotGoOn: the probe is missing, or there is no room for what it writes, too.
        """
        self.outcome = self.profile = None
        before = touching.measure()
        with place(order.folder) as files:
            with Watch(files) as watch, self._meanwhile(files, watch):
                # The probe answers malloc and passes it on: its own files say to whom.
                probed = replace(order, environ=observed(order.environ, files, self._depth), expected=None)
                run = self._executor.execute(probed)
            raw = tuple(wire.read_all(files))
            named, unnamed = _stacks(files, self._depth)
        self.folded = of_all(
            named, {one.name: f"{Path(one.header.program).name} ({one.header.process})" for one in raw}
        )
        counted = processes(raw, {one.pid: one.cpu for one in run.processes}, watch.courses)
        seen = with_call_sites(counted, raw, named)
        self.outcome = run.outcome
        doubted = (
            *doubts.of_processes(seen, _unseen(run, raw), order.expected),
            *unnamed,
            *doubts.of_stacks(named.values()),
        )
        touch = touching.widest(before, touching.measure())
        self.profile = replace(_profile(order, run, seen, doubted), first_touch=touch)
        return replace(run, processes=_served(run.processes, seen))


def _stacks(files: Path, depth: Depth) -> tuple[Mapping[str, Stacks], tuple[Finding, ...]]:
    """The call stacks that are there; without their names the rest of the profile stands."""
    if depth is Depth.CALLS:
        return {}, ()
    try:
        return read(files), ()
    except CannotGoOn as error:
        return {}, (doubts.unnamed(error),)


def _unseen(run: Run, raw: Iterable[wire.Raw]) -> tuple[str, ...]:
    """Programs that ran, as the launcher saw them, and wrote nothing."""
    known = {file.header.process for file in raw}
    return tuple(sorted({process.program for process in run.processes if process.pid not in known}))


def _profile(order: Order, run: Run, seen: tuple[Process, ...], doubted: tuple[Finding, ...]) -> Profile:
    worked = run.outcome is Outcome.COMPLETED
    faults = run.value("faults")
    return Profile(
        command=tuple(map(text, order.argv)),
        candidate=order.slot.candidate,
        exit_status=run.exit_status,
        signal=run.signal,
        wall=run.value("wall") or 0.0,
        cpu=run.value("cpu") or 0.0,
        peak=int(run.value("peak") or 0),
        system=run.value("system"),
        faults=None if faults is None else int(faults),
        processes=seen,
        findings=(
            *(() if worked else doubts.of_run(run.exit_status, run.signal, str(order.folder))),
            *doubted,
            *run.findings,
        ),
        environment=present(dict(order.environ)),
    )


def _served(processes_: Iterable[ProcessSeen], seen: Iterable[Process]) -> tuple[ProcessSeen, ...]:
    """The processes of a run, each with the allocator that the probe passed its calls to."""
    allocators = {process.pid: process.allocator for process in seen}
    return tuple(replace(one, allocator=allocators.get(one.pid, one.allocator)) for one in processes_)


def conflicts(program: Program, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """What keeps the probe from being preloaded into a program, gravest first.

    Raises:
        CannotGoOn: there is no probe here.
    """
    probe = Library(
        family="",
        path=str(native.required("probe")),
        version="",
        origin=Origin.PATH,
        machine=os.uname().machine,
        libc="glibc",
    )
    alone = Activation(candidate=Candidate(library=CURRENT), library=probe, variables=())
    return tuple(one for one in preflight(program, alone, environ) if one.code not in HARMLESS)


def refuse(found: Iterable[Finding]) -> None:
    """Stop where a conflict is an error.

    Raises:
        CannotGoOn: one is.
    """
    errors = [one for one in found if one.level is Level.ERROR]
    if errors:
        raise CannotGoOn(f"{errors[0].seen}; {errors[0].remedy}")
