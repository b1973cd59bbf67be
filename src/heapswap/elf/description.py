"""A program or library described in one value."""

from enum import StrEnum
from pathlib import Path

from heapswap.elf.dynamic import DF_1_PIE, DT_DEBUG, DT_FLAGS_1, DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME
from heapswap.elf.headers import ET_EXEC, PT_INTERP, PT_LOAD, PT_NOTE
from heapswap.elf.image import Image, opened
from heapswap.values import value

MACHINES = {
    3: "i386",
    8: "mips",
    20: "ppc",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv",
    258: "loongarch",
}
NT_GNU_BUILD_ID = 3
SMALLEST_PAGE = 4096


class Kind(StrEnum):
    """What the file is for."""

    EXECUTABLE = "executable"
    LIBRARY = "library"


@value
class Elf:
    """One ELF program or shared library."""

    path: str
    machine: str
    """``x86_64``, ``aarch64``, ``i386``, …"""
    bits: int
    kind: Kind
    interpreter: str
    """the program loader it asks for; empty when there is none"""
    soname: str
    needed: tuple[str, ...]
    build_id: str
    """hexadecimal; empty when there is none"""
    libc: str
    """``glibc``, ``musl``, ``static`` (an executable that no loader starts), or empty when it cannot be told"""
    runpath: tuple[str, ...]
    """folders to search for `needed`, as written (``$ORIGIN`` is not expanded)"""
    alignment: int
    """largest kernel page size in bytes under which it can be mapped"""


def read(path: str | Path) -> Elf:
    """Describe the file at `path`.

    Raises:
        NotElf: it is something else, or damaged.
        OSError: it cannot be read.
    """
    with opened(path) as image:
        return _described(image, str(path))


def _described(image: Image, path: str) -> Elf:
    segments, dynamic = image.headers.segments, image.dynamic
    interpreter = next((image.records.text(one.offset) for one in segments if one.type == PT_INTERP), "")
    soname = next(iter(dynamic.strings(DT_SONAME)), "")
    needed = dynamic.strings(DT_NEEDED)
    kind = _kind(image, interpreter, soname)
    return Elf(
        path=path,
        machine=MACHINES.get(image.headers.machine, f"machine {image.headers.machine}"),
        bits=image.records.bits,
        kind=kind,
        interpreter=interpreter,
        soname=soname,
        needed=needed,
        build_id=_build_id(image),
        libc=_libc(kind, interpreter, needed, soname),
        runpath=tuple(
            folder
            for listed in dynamic.strings(DT_RUNPATH) or dynamic.strings(DT_RPATH)
            for folder in listed.split(":")
            if folder
        ),
        alignment=min((one.alignment for one in segments if one.type == PT_LOAD), default=SMALLEST_PAGE),
    )


def _kind(image: Image, interpreter: str, soname: str) -> Kind:
    """A position-independent program and a library look alike; static-pie has no loader, libc.so.6 has one."""
    flags = image.dynamic.value(DT_FLAGS_1) or 0
    if image.headers.type == ET_EXEC or flags & DF_1_PIE:
        return Kind.EXECUTABLE
    if not soname and (interpreter or DT_DEBUG in image.dynamic.values):
        return Kind.EXECUTABLE
    return Kind.LIBRARY


def _build_id(image: Image) -> str:
    for segment in image.headers.segments:
        if segment.type == PT_NOTE:
            at, end = segment.offset, segment.offset + segment.size
            while at + 12 <= end:
                name_size, size, type_ = image.records.read("III", at)[0]
                content = at + 12 + _rounded(name_size, 4)
                if type_ == NT_GNU_BUILD_ID and bytes(image.records.part(at + 12, name_size)) == b"GNU\0":
                    return image.records.part(content, size).hex()
                at = content + _rounded(size, 8 if segment.alignment == 8 else 4)
    return ""


def _libc(kind: Kind, interpreter: str, needed: tuple[str, ...], soname: str) -> str:
    if kind is Kind.EXECUTABLE and not interpreter:
        return "static"
    names = (Path(interpreter).name, soname, *needed)
    if any(name.startswith(("ld-musl-", "libc.musl-")) or name == "libc.so" for name in names):
        return "musl"
    if any(name == "libc.so.6" or name.startswith(("ld-linux", "ld64.so", "ld.so.1")) for name in names):
        return "glibc"
    return ""


def _rounded(size: int, unit: int) -> int:
    return -(-size // unit) * unit
