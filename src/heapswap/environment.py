"""The machine and the settings a measurement was made under; recorded with every trial."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from heapswap import __version__
from heapswap.artifact import text

# Prefixes of environment values that concern allocators: nothing else of the user's environment is stored.
ALLOCATOR_VARIABLES = (
    "LD_PRELOAD",
    "GLIBC_TUNABLES",
    "MALLOC_",
    "MIMALLOC_",
    "TCMALLOC_",
    "_RJEM_MALLOC_CONF",
    "JE_ARROW_MALLOC_CONF",
    "ARROW_DEFAULT_MEMORY_POOL",
    "PYTHONMALLOC",
    "HEAPSWAP_",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Kernel, C library, processor, memory settings, versions; sizes in bytes."""

    heapswap: str
    python: str
    kernel: str
    libc: str
    machine: str
    processor: str
    cores: int
    memory: int
    page_size: int
    transparent_huge_pages: str
    """the setting in force: ``always``, ``madvise``, ``never``; empty where it cannot be read"""
    variables: tuple[tuple[str, str], ...]
    """allocator-related environment values only"""


def present(environ: dict[str, str] | None = None) -> Environment:
    """The environment of this process, now."""
    values = dict(os.environ) if environ is None else environ
    return Environment(
        heapswap=__version__,
        python=platform.python_version(),
        kernel=platform.release(),
        libc=" ".join(platform.libc_ver()).strip(),
        machine=platform.machine(),
        processor=_field(Path("/proc/cpuinfo"), "model name") or platform.processor(),
        cores=len(os.sched_getaffinity(0)),
        memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        page_size=os.sysconf("SC_PAGE_SIZE"),
        transparent_huge_pages=_selected(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
        variables=tuple(sorted((k, text(v)) for k, v in values.items() if k.startswith(ALLOCATOR_VARIABLES))),
    )


def changed(before: Environment, now: Environment) -> str:
    """What makes runs of one incomparable with runs of the other, as one clause; empty where nothing does."""
    for name in ("machine", "processor", "cores", "libc"):
        was, is_now = getattr(before, name), getattr(now, name)
        if was != is_now:
            return f"{name} was {was} and is {is_now}"
    old, new = dict(before.variables), dict(now.variables)
    for name in sorted(old | new):
        if not name.startswith("HEAPSWAP_") and old.get(name) != new.get(name):
            return f"{name} was {_told(old.get(name))} and is {_told(new.get(name))}"
    return ""


def _told(value: str | None) -> str:
    return "not set" if value is None else f"'{value}'"


def _field(path: Path, name: str) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _selected(path: Path) -> str:
    """The bracketed word of a sysfs choice such as ``always [madvise] never``."""
    try:
        words = path.read_text().split()
    except OSError:
        return ""
    return next((word.strip("[]") for word in words if word.startswith("[")), "")
