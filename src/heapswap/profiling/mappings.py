"""What a process has mapped, by kind, and how much of it is resident: the text of ``/proc/PID/smaps``.

proc(5) describes the format. A thread's stack bears no name: it is told by the inaccessible guard that glibc and musl
map right below it (``pthread_attr_setguardsize``: one page unless the program asks for more).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

GUARD = 64 << 10
"""bytes; a larger inaccessible mapping is address space that an allocator keeps for later"""
_HEAD = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+) *(.*)$")


class Kind(StrEnum):
    """What a mapping is for."""

    HEAP = "heap"
    ANONYMOUS = "anonymous"
    STACKS = "stacks"
    FILES = "files"
    SHARED = "shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """One line of the map, with its resident bytes."""

    start: int
    end: int
    permissions: str
    """``rw-p``"""
    name: str
    """path, ``[heap]``, or empty"""
    inode: int
    """0: no file"""
    resident: int


def parse(text: str) -> Iterator[Mapping]:
    """The mappings in order of address; lines that are not understood are passed over."""
    head: re.Match[str] | None = None
    resident = 0
    for line in text.splitlines():
        if line.startswith("Rss:"):
            resident = int(line.split()[1]) << 10
        elif found := _HEAD.match(line):
            if head:
                yield _mapping(head, resident)
            head, resident = found, 0
    if head:
        yield _mapping(head, resident)


def _mapping(head: re.Match[str], resident: int) -> Mapping:
    start, end, permissions, inode, name = head.groups()
    return Mapping(
        start=int(start, 16),
        end=int(end, 16),
        permissions=permissions,
        name=name,
        inode=int(inode),
        resident=resident,
    )


def by_kind(text: str) -> dict[Kind, int]:
    """Resident bytes of each kind in the text of ``/proc/PID/smaps``."""
    found = dict.fromkeys(Kind, 0)
    below: Mapping | None = None
    for mapping in parse(text):
        found[kind(mapping, below)] += mapping.resident
        below = mapping
    return found


def kind(mapping: Mapping, below: Mapping | None) -> Kind:
    """The kind of one mapping; `below` is the one before it."""
    if mapping.name.startswith("[stack"):
        return Kind.STACKS
    if mapping.name == "[heap]":
        return Kind.HEAP
    if mapping.inode and not mapping.name.startswith(("/dev/zero", "/dev/shm/", "/SYSV", "/memfd:")):
        return Kind.FILES
    if mapping.permissions.endswith("s"):
        return Kind.SHARED
    if mapping.name in _KERNELS:
        return Kind.FILES
    return Kind.STACKS if below is not None and _guards(below, mapping) else Kind.ANONYMOUS


_KERNELS = frozenset({"[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]"})


def _guards(below: Mapping, mapping: Mapping) -> bool:
    """Whether the mapping below is the guard of a stack: anonymous, inaccessible, small, adjacent."""
    return (
        below.permissions == "---p"
        and not below.inode
        and below.end == mapping.start
        and below.end - below.start <= GUARD
        and mapping.permissions.startswith("rw")
    )


def read(process: int) -> str:
    """The text for `by_kind`. The kernel walks the page tables for it: not to be asked often of a large process.

    Raises:
        OSError: the process is gone or may not be read.
    """
    return Path(f"/proc/{process}/smaps").read_text(errors="surrogateescape")
