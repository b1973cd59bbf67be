"""A while of a running process as a profile: CPU shares and waits by perf, resident memory by kind of mapping."""

import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from heapswap.allocators.spelling import CURRENT
from heapswap.artifact import text
from heapswap.environment import present
from heapswap.errors import CannotGoOn
from heapswap.profiling import mappings
from heapswap.profiling.model import Memory, Process, Profile, Resident, Source
from heapswap.profiling.outside import doubts
from heapswap.profiling.outside.attribute import Shares, Where, attribute
from heapswap.profiling.outside.recording import Recording, frequency, sees_kernel

LOOKS = 60
"""looks at the memory in one observation"""
LEAST = 0.25
"""seconds between two"""
RARE = 50.0
"""times as long as a look took, until the next: the kernel holds the process's map while it answers"""
_TRY = 0.2
"""seconds in which its use of processors is judged"""
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The process, as it was inspected."""

    pid: int
    exe: str
    allocator: str
    """path of the file whose malloc answers; empty where it cannot be told"""
    family: str
    """its family"""
    where: Where


@dataclass(slots=True)
class _Watch:
    """What /proc has told of a process so far."""

    pid: int
    interval: float
    began: float = field(default_factory=time.monotonic)
    seen: list[Resident] = field(default_factory=list)
    threads: int = 0
    gone: bool = False

    def look(self) -> float:
        """Look once; answers in how many seconds to look again."""
        before = time.monotonic()
        try:
            self.threads = max(self.threads, int(_stat(self.pid)[17]))
            found = mappings.by_kind(mappings.read(self.pid))
        except OSError:
            self.gone = True
            return self.interval
        if any(found.values()):
            values = {kind.value: size for kind, size in found.items()}
            self.seen.append(Resident(at=before - self.began, **values))
        return max(self.interval, RARE * (time.monotonic() - before))


def observe(subject: Subject, seconds: float) -> Profile:
    """Watch a process for so long; it is neither stopped nor changed.

    Raises:
        CannotGoOn: perf is missing or forbidden, or the process is gone.
    """
    kernel = sees_kernel()
    with tempfile.TemporaryDirectory(prefix="heapswap-") as folder:
        recording = Recording(subject.pid, Path(folder))
        used = _cpu(subject.pid)
        time.sleep(_TRY)
        processors = (_cpu(subject.pid) - used) / _TRY
        watch = _Watch(pid=subject.pid, interval=max(seconds / LOOKS, LEAST))
        recording.run(seconds, frequency(seconds, max(processors, 1.0)), kernel=kernel, meanwhile=watch.look)
        watch.look()
        # perf takes a while to begin, and is told how long to go on from there.
        took = min(time.monotonic() - watch.began, seconds)
        shares = attribute(recording.events(), subject.pid, subject.where)
    process = _process(subject, shares, watch, took)
    return Profile(
        command=process.arguments,
        candidate=CURRENT,
        exit_status=None,
        signal=None,
        wall=took,
        cpu=process.cpu,
        peak=max((moment.all for moment in watch.seen), default=0),
        processes=(process,),
        findings=tuple(doubts.of_observation(process, shares, kernel=kernel, ended=watch.gone)),
        source=Source.OUTSIDE,
        # Its variables are another process's: only those of the machine are known.
        environment=present({}),
    )


def _process(subject: Subject, shares: Shares, watch: _Watch, seconds: float) -> Process:
    return Process(
        pid=subject.pid,
        parent=_parent(subject.pid),
        exe=text(subject.exe),
        arguments=_arguments(subject.pid) or (text(subject.exe),),
        forks=0,
        allocator=text(subject.allocator),
        began=0.0,
        seconds=seconds,
        cpu=shares.seconds,
        probe_cpu=None,
        allocations=None,
        frees=None,
        requested_bytes=None,
        failed=None,
        moved=None,
        grown_in_place=None,
        functions=(),
        size_classes=(),
        live_bytes=None,
        peak_live_bytes=None,
        peak_bound=0,
        inherited_bytes=None,
        threads=watch.threads,
        uncounted_threads=0,
        uncounted_children=0,
        samples=shares.samples,
        allocator_cpu_share=shares.cpu,
        kernel_share=shares.kernel,
        lock_wait_share=shares.waits,
        quick_call=None,
        memory=Memory.UNKNOWN,
        retained_bytes=None,
        timeline=(),
        resident=tuple(watch.seen),
    )


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the state on; the name before them may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def _cpu(pid: int) -> float:
    """CPU seconds of the process so far.

    Raises:
        CannotGoOn: it is gone.
    """
    try:
        fields = _stat(pid)
    except OSError:
        raise CannotGoOn(f"process {pid} has ended") from None
    return (int(fields[11]) + int(fields[12])) / _TICK


def _parent(pid: int) -> int:
    try:
        return int(_stat(pid)[1])
    except OSError:
        return 0


def _arguments(pid: int) -> tuple[str, ...]:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(word.decode(errors="replace") for word in words.rstrip(b"\0").split(b"\0")) if words else ()
