"""Conflicts with the machine and the environment: other preloads, CPU quotas, huge pages, emulation, profilers."""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from heapswap import elf
from heapswap.elf import NotElf
from heapswap.findings import Finding, Level
from heapswap.inspection import cgroup
from heapswap.inspection.case import Case, allocators_in
from heapswap.inspection.linkage import Loader, preloads, system_preloads

_INJECTORS: Mapping[str, str] = {
    "launcher.preload.so": "Datadog",
    "liboneagentproc.so": "Dynatrace",
    "libotelinject.so": "OpenTelemetry",
    "libinstana_init.so": "Instana",
    "libsplunk.so": "Splunk",
    "libsplunk-instrumentation.so": "Splunk",
}
_PROFILERS = frozenset({"scalene", "memray", "fil-profile", "filprofiler", "heaptrack", "valgrind"})
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def _ignored_preloads(case: Case) -> Iterator[Finding]:
    """The loader only prints a warning about these, and the exit status stays what it was."""
    if case.program.elf.libc == "static":
        return
    loader = Loader(case.program.elf, case.environ)
    for name in preloads(case.environ):
        if "$" in name or loader.find(name, case.program.elf) is not None:
            continue
        yield Finding(
            code="preload-ignored",
            level=Level.WARNING,
            seen=f"LD_PRELOAD already names {name}, which {_why_ignored(name)}: the loader ignores it in silence",
            remedy="correct the path in LD_PRELOAD, or take it out",
        )


def _why_ignored(name: str) -> str:
    if "/" not in name:
        return "is in no library folder of this program"
    try:
        image = elf.read(name)
    except OSError:
        return "cannot be read or does not exist"
    except NotElf:
        return "is not a library"
    return f"is made for {image.machine} ({image.bits}-bit)"


def _machine_wide_preloads(case: Case) -> Iterator[Finding]:
    loader = Loader(case.program.elf, case.environ)
    for name in system_preloads():
        path = loader.find(name, case.program.elf)
        if path is None:
            continue
        family = next((one.family for one in allocators_in(elf.read(path)) if one.answers_malloc), "")
        if family:
            yield Finding(
                code="machine-wide-preload",
                level=Level.WARNING,
                seen=f"/etc/ld.so.preload loads {path} ({family}) into every program, and no candidate can take it out",
                remedy="remove that line while measuring; 'system' is not the C library's allocator here",
            )


def _injectors(case: Case) -> Iterator[Finding]:
    for name in dict.fromkeys((*preloads(case.environ), *system_preloads())):
        vendor = _INJECTORS.get(Path(name).name)
        if vendor:
            yield Finding(
                code="preload-injector",
                level=Level.NOTE,
                seen=f"{vendor} preloads {Path(name).name}, and its agent allocates inside the program",
                remedy="it is kept in every run; measure once without it to know its share",
            )


def _profilers(case: Case) -> Iterator[Finding]:
    words = (*case.program.scripts, *(step.path for step in case.program.steps), *case.program.arguments[:2])
    for word in words:
        name = Path(word).name
        if name in _PROFILERS and case.changes_something:
            yield Finding(
                code="memory-profiler",
                level=Level.WARNING,
                seen=f"{name} puts its own malloc in front of the program",
                remedy="measure the program without the profiler",
            )
            return


def _emulation(case: Case) -> Iterator[Finding]:
    seen = emulator(case.program.elf.machine, os.uname().machine, _vendor())
    if seen:
        yield Finding(
            code="emulation",
            level=Level.WARNING,
            seen=f"{case.name} ({case.program.elf.machine}) runs under {seen}: its timings mean nothing",
            remedy="measure on a machine of that architecture",
        )


def emulator(program: str, machine: str, vendor: str) -> str:
    """What stands between a program and the processor; empty for nothing. Rosetta shows its own processor vendor."""
    if vendor == "VirtualApple":
        return "Rosetta"
    native = {machine, *({"i386"} if machine == "x86_64" else {"arm"} if machine == "aarch64" else ())}
    return "" if program in native else f"an emulator on {machine}"


def _vendor() -> str:
    try:
        with Path("/proc/cpuinfo").open(errors="replace") as lines:
            return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")
    except OSError:
        return ""


def _quota(case: Case) -> Iterator[Finding]:
    """Arenas follow the CPU mask and not the quota, so a small container on a large host gets far too many."""
    knob = _arena_knob(case)
    quota = cgroup.cpu_quota() if knob else None
    cores = len(os.sched_getaffinity(0))
    if quota is not None and quota < cores:
        yield Finding(
            code="cpu-quota",
            level=Level.NOTE,
            seen=f"the container may use {quota:g} of {cores} CPUs, and the number of arenas follows the {cores}",
            remedy=f"try {knob}={max(1, math.ceil(quota))}",
        )


def _arena_knob(case: Case) -> str:
    """The knob that bounds the arenas of this candidate, where it is not set yet."""
    family = case.library.family if case.library else case.program.elf.libc
    settings = " ".join((*case.variables, *case.variables.values()))
    if family == "jemalloc" and "narenas" not in settings:
        return "jemalloc:narenas"
    if family == "glibc" and "ARENA_MAX" not in settings and "arena_max" not in settings:
        return "system:arena_max"
    return ""


def _huge_pages(case: Case) -> Iterator[Finding]:
    if case.library is None or case.library.family != "jemalloc":
        return
    try:
        always = "[always]" in HUGE_PAGES.read_text()
    except OSError:
        return
    if always and not any("thp:never" in value for value in case.variables.values()):
        yield Finding(
            code="huge-pages",
            level=Level.NOTE,
            seen="transparent huge pages are on for everything here, and jemalloc's memory can grow by them",
            remedy="try jemalloc:thp=never, and measure on a host with the setting of production",
        )


CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    _ignored_preloads,
    _machine_wide_preloads,
    _injectors,
    _profilers,
    _emulation,
    _quota,
    _huge_pages,
)
