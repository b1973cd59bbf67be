"""The words of this room: how an allocator comes into a program, and what an inspection says."""

from dataclasses import dataclass
from enum import StrEnum

from heapswap.findings import Finding


class Presence(StrEnum):
    """How an allocator is there."""

    PRELOADED = "preloaded"
    LINKED = "linked"
    STATIC = "static"
    """inside the executable, told by its symbols"""
    WHEEL = "wheel"
    """bundled inside a Python extension module or its libraries; serves that extension only"""
    LIBC = "libc"
    """none of ours: the C library's own"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One allocator that is present, with the evidence."""

    family: str
    presence: Presence
    path: str
    version: str = ""
    evidence: str = ""
    """what was seen, such as ``defines mallctl; mapped at …``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """One program or running process."""

    subject: str
    """path of the program, or the command line of the process"""
    pid: int | None
    program: str
    """path of the executable that answers, shebang and shims resolved"""
    machine: str
    libc: str
    """``glibc``, ``musl``, ``static``"""
    allocator: str
    """family whose malloc serves the program; empty when it cannot be told"""
    uses: tuple[Use, ...] = ()
    python: str = ""
    """version of the Python interpreter it is (``3.11.7``, ``3.13.0t``); empty when it is not Python"""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspections:
    """What `heapswap inspect --json` prints."""

    kind: str = "inspection"
    schema: int = 1
    inspections: tuple[Inspection, ...]
