"""What an ELF file says about itself: headers, dynamic section, build-id, and whether it has certain symbols.

Only what the questions need is read, straight from the mapped file: a name is looked up through the file's own hash
table, or found in the string table first and in the symbol table second, so that a binary of 100 MB takes milliseconds.
"""

import mmap
import os
import re
import stat
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path


class NotElf(ValueError):
    """The file is not an ELF program or library, or it is damaged."""


class Kind(StrEnum):
    """What the file is for."""

    EXECUTABLE = "executable"
    LIBRARY = "library"


@dataclass(frozen=True, slots=True, kw_only=True)
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
    with _image(path) as image:
        return image.describe(str(path))


def section(path: str | Path, name: str) -> bytes | None:
    """The content of the section called `name`, or None where there is none.

    Raises:
        NotElf, OSError: as `read`.
    """
    with _image(path) as image:
        found = next((row for row in image.sections if row.name == name), None)
        return None if found is None else bytes(image.part(found.offset, found.size))


def exported(path: str | Path, names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that the file defines for other objects (in its dynamic symbol table).

    Raises:
        NotElf, OSError: as `read`.
    """
    with _image(path) as image:
        return image.exported(names)


def imported(path: str | Path, names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that the file expects another object to define; weak references do not count.

    Raises:
        NotElf, OSError: as `read`.
    """
    with _image(path) as image:
        return image.imported(names)


def defined(path: str | Path, names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that the file defines at all: for others, or (where it is not stripped) for itself only.

    Raises:
        NotElf, OSError: as `read`.
    """
    asked = frozenset(names)
    with _image(path) as image:
        found = image.exported(asked)
        private = image.static_symbols
        if private is not None:
            found |= {name for name, symbol in private.find(asked - found) if symbol.defined}
        return found


def mentions(path: str | Path, text: bytes) -> bool:
    """Whether `text` stands anywhere in the file.

    Raises:
        NotElf, OSError: as `read`.
    """
    with _image(path) as image:
        return text in bytes(image.view)


def search(path: str | Path, pattern: re.Pattern[bytes]) -> str:
    """The first group of the first match among the file's bytes; empty where nothing matches.

    Raises:
        NotElf, OSError: as `read`.
    """
    with _image(path) as image:
        found = pattern.search(image.view)
        return found[1].decode(errors="surrogateescape") if found else ""


def strings(path: str | Path, prefix: str) -> tuple[str, ...]:
    """The zero-terminated strings among the file's constants that start with `prefix`, tails of longer ones included.

    Raises:
        NotElf, OSError: as `read`.
    """
    wanted = prefix.encode()
    found = []
    with _image(path) as image:
        constants = image.constants
        at = constants.find(wanted)
        while at != -1:
            end = constants.find(b"\0", at)
            found.append(constants[at : end if end != -1 else None].decode(errors="surrogateescape"))
            at = constants.find(wanted, at + 1)
    return tuple(found)


_MACHINES = {3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64"} | {
    243: "riscv",
    258: "loongarch",
}
_ET_EXEC, _ET_DYN = 2, 3
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_NOTE = 1, 2, 3, 4
_SHT_SYMTAB, _SHT_NOBITS, _SHT_DYNSYM = 2, 8, 11
_DT_NEEDED, _DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_STRSZ, _DT_SONAME = 1, 4, 5, 6, 10, 14
_DT_RPATH, _DT_DEBUG, _DT_RUNPATH, _DT_GNU_HASH, _DT_FLAGS_1 = 15, 21, 29, 0x6FFFFEF5, 0x6FFFFFFB
_DF_1_PIE = 0x08000000
_NT_GNU_BUILD_ID = 3
_STB_WEAK = 2
_SMALLEST_PAGE = 4096


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a 32-bit or a 64-bit file lays out its records."""

    header: str
    segment: str
    section: str
    dynamic: str
    symbol: str
    word: str
    """one entry of the hash table's filter"""


_LAYOUTS = {
    1: _Layout("HHIIIIIHHHHHH", "IIIIIIII", "IIIIIIIIII", "iI", "IIIBBH", "I"),
    2: _Layout("HHIQQQIHHHHHH", "IIQQQQQQ", "IIQQQQIIQQ", "qQ", "IBBHQQ", "Q"),
}


@dataclass(frozen=True, slots=True)
class _Segment:
    type: int
    offset: int
    address: int
    size: int
    alignment: int


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    type: int
    offset: int
    size: int
    link: int


@dataclass(frozen=True, slots=True)
class _Symbol:
    binding: int
    section: int
    """index of the section that holds it; 0: it is not defined here"""

    @property
    def defined(self) -> bool:
        return self.section != 0

    @property
    def required(self) -> bool:
        return self.section == 0 and self.binding != _STB_WEAK


class _Symbols:
    """One symbol table with its strings."""

    def __init__(self, record: struct.Struct, rows: memoryview, strings: memoryview) -> None:
        self._record = record
        self._rows = rows
        self._strings = strings

    def at(self, index: int) -> tuple[str, _Symbol]:
        """Name and symbol number `index`."""
        fields = self._record.unpack_from(self._rows, index * self._record.size)
        return _text(self._strings, fields[0]), self._symbol(fields)

    def find(self, names: Iterable[str]) -> Iterator[tuple[str, _Symbol]]:
        """Every symbol with one of these names.

        Linkers let a name share the tail of a longer one, so each place where the string ends like the name counts.
        """
        # bytes.find is a fast search; that of mmap is a plain loop before Python 3.13.
        strings = bytes(self._strings)
        starts: dict[int, str] = {}
        for name in names:
            wanted = name.encode() + b"\0"
            at = strings.find(wanted)
            while at != -1:
                starts[at] = name
                at = strings.find(wanted, at + 1)
        if starts:
            column = self._name_column()
            for start in set(filter(starts.__contains__, column)):
                yield from self._starting(column, start, starts[start])

    def _name_column(self) -> "array[int]":
        """Where the name of each symbol starts."""
        size = self._record.size
        words = array("I", bytes(self._rows[: len(self._rows) // size * size]))
        if (self._record.format[0] == "<") != (sys.byteorder == "little"):
            words.byteswap()
        return words[:: size // words.itemsize]

    def _starting(self, column: "array[int]", start: int, name: str) -> Iterator[tuple[str, _Symbol]]:
        index = -1
        with suppress(ValueError):
            while True:
                index = column.index(start, index + 1)
                yield name, self.at(index)[1]

    def _symbol(self, fields: tuple[int, ...]) -> _Symbol:
        info, index = (fields[1], fields[3]) if self._record.format.endswith("QQ") else (fields[3], fields[5])
        return _Symbol(info >> 4, index)


class _Image:
    """A mapped file and its tables; everything is read when first asked for."""

    def __init__(self, view: memoryview) -> None:
        if bytes(view[:4]) != b"\x7fELF" or len(view) < 20:
            raise NotElf("it does not begin like an ELF file")
        layout, order = _LAYOUTS.get(view[4]), {1: "<", 2: ">"}.get(view[5])
        if layout is None or order is None:
            raise NotElf("its ELF class or byte order is unknown")
        self.view, self._layout, self._order = view, layout, order
        self.bits = 32 * view[4]
        (
            self._type,
            self._machine,
            _,
            _,
            self._segments_at,
            self._sections_at,
            _,
            _,
            _,
            self._segment_count,
            _,
            self._section_count,
            self._names_index,
        ) = struct.unpack_from(order + layout.header, view, 16)
        if self._type not in (_ET_EXEC, _ET_DYN):
            raise NotElf("it is an object or core file, not a program or library")

    def describe(self, path: str) -> Elf:
        """Everything `read` promises."""
        interpreter = next((self._string(s.offset) for s in self.segments if s.type == _PT_INTERP), "")
        soname = next(iter(self._dynamic_strings(_DT_SONAME)), "")
        needed = self._dynamic_strings(_DT_NEEDED)
        kind = self._kind(interpreter, soname)
        return Elf(
            path=path,
            machine=_MACHINES.get(self._machine, f"machine {self._machine}"),
            bits=self.bits,
            kind=kind,
            interpreter=interpreter,
            soname=soname,
            needed=needed,
            build_id=self._build_id(),
            libc=_libc(kind, interpreter, needed, soname),
            runpath=tuple(
                folder
                for listed in self._dynamic_strings(_DT_RUNPATH) or self._dynamic_strings(_DT_RPATH)
                for folder in listed.split(":")
                if folder
            ),
            alignment=min((s.alignment for s in self.segments if s.type == _PT_LOAD), default=_SMALLEST_PAGE),
        )

    def exported(self, names: Iterable[str]) -> frozenset[str]:
        """Those of `names` that the dynamic symbol table defines."""
        table = self.dynamic.get(_DT_GNU_HASH)
        if not table:
            return frozenset(name for name, symbol in self.dynamic_symbols.find(names) if symbol.defined)
        return frozenset(name for name in names if (symbol := self._hashed(name)) and symbol.defined)

    def imported(self, names: Iterable[str]) -> frozenset[str]:
        """Those of `names` that the dynamic symbol table leaves to others."""
        asked = frozenset(names)
        table = self.dynamic.get(_DT_GNU_HASH)
        if table:
            # What is not hashed comes first: imports, a few hundred even where a million names are exported. Imports
            # whose address the program takes are hashed. A table that hashes nothing may have any start.
            _, first, _, _ = self._records("IIII", self._offset(table[0]), 1)[0]
            if first > 1:
                rows = map(self.dynamic_symbols.at, range(1, first))
                found = {name for name, symbol in rows if symbol.required and name in asked}
                return frozenset(found | {name for name in asked if (symbol := self._hashed(name)) and symbol.required})
        return frozenset(name for name, symbol in self.dynamic_symbols.find(asked) if symbol.required)

    def part(self, offset: int, size: int) -> memoryview:
        """`size` bytes at `offset`."""
        if offset + size > len(self.view):
            raise NotElf("it is cut short")
        return self.view[offset : offset + size]

    @cached_property
    def segments(self) -> tuple[_Segment, ...]:
        """The program headers."""
        rows = self._records(self._layout.segment, self._segments_at, self._segment_count)
        if self.bits == 64:
            return tuple(_Segment(r[0], r[2], r[3], r[5], r[7]) for r in rows)
        return tuple(_Segment(r[0], r[1], r[2], r[4], r[7]) for r in rows)

    @cached_property
    def sections(self) -> tuple[_Section, ...]:
        """The section headers; a stripped file may have none."""
        rows = self._records(self._layout.section, self._sections_at, self._section_count) if self._sections_at else []
        if self._names_index >= len(rows):
            return ()
        names = rows[self._names_index][4]
        return tuple(
            _Section(self._string(names + r[0]), r[1], r[4], 0 if r[1] == _SHT_NOBITS else r[5], r[6]) for r in rows
        )

    @cached_property
    def dynamic(self) -> Mapping[int, tuple[int, ...]]:
        """The dynamic section: values by tag, in order."""
        values: dict[int, tuple[int, ...]] = {}
        for segment in self.segments:
            if segment.type == _PT_DYNAMIC:
                size = struct.calcsize(self._order + self._layout.dynamic)
                for tag, value in self._records(self._layout.dynamic, segment.offset, segment.size // size):
                    if tag == 0:
                        break
                    values[tag] = (*values.get(tag, ()), value)
        return values

    @cached_property
    def dynamic_symbols(self) -> _Symbols:
        """Imports and exports."""
        tags = self.dynamic
        if not (tags.get(_DT_SYMTAB) and tags.get(_DT_STRTAB) and tags.get(_DT_STRSZ)):
            return _Symbols(self._symbol_record, memoryview(b""), memoryview(b""))
        at, strings_at = self._offset(tags[_DT_SYMTAB][0]), self._offset(tags[_DT_STRTAB][0])
        rows = self.part(at, self._dynamic_symbols_size(at, strings_at))
        return _Symbols(self._symbol_record, rows, self.part(strings_at, tags[_DT_STRSZ][0]))

    @cached_property
    def static_symbols(self) -> _Symbols | None:
        """The full symbol table; None in a stripped file."""
        table = next((row for row in self.sections if row.type == _SHT_SYMTAB), None)
        if table is None or table.link >= len(self.sections):
            return None
        strings = self.sections[table.link]
        return _Symbols(
            self._symbol_record, self.part(table.offset, table.size), self.part(strings.offset, strings.size)
        )

    @property
    def constants(self) -> bytes:
        """The read-only data; the whole file where no section header says where that is."""
        found = next((row for row in self.sections if row.name == ".rodata"), None)
        return bytes(self.view if found is None else self.part(found.offset, found.size))

    @property
    def _symbol_record(self) -> struct.Struct:
        return struct.Struct(self._order + self._layout.symbol)

    def _dynamic_symbols_size(self, at: int, strings_at: int) -> int:
        """Nothing records it directly: the section header, the old hash table, or the start of what follows tells."""
        for row in self.sections:
            if row.type == _SHT_DYNSYM and row.offset == at:
                return row.size
        if table := self.dynamic.get(_DT_HASH):
            _, count = self._records("II", self._offset(table[0]), 1)[0]
            return count * self._symbol_record.size
        return max(0, strings_at - at)

    def _hashed(self, name: str) -> _Symbol | None:
        """Look a name up as the loader does, in the table that `DT_GNU_HASH` points to."""
        table = self._offset(self.dynamic[_DT_GNU_HASH][0])
        wanted = 5381
        for byte in name.encode():
            wanted = (wanted * 33 + byte) & 0xFFFFFFFF
        buckets, first, filter_size, _ = self._records("IIII", table, 1)[0]
        if buckets == 0:
            return None
        filter_end = table + 16 + filter_size * struct.calcsize(self._order + self._layout.word)
        (index,) = self._records("I", filter_end + wanted % buckets * 4, 1)[0]
        if index < first:
            return None
        while True:
            (hashed,) = self._records("I", filter_end + buckets * 4 + (index - first) * 4, 1)[0]
            if hashed | 1 == wanted | 1:
                found, symbol = self.dynamic_symbols.at(index)
                if found == name:
                    return symbol
            if hashed & 1:
                return None
            index += 1

    def _kind(self, interpreter: str, soname: str) -> Kind:
        """A position-independent program and a library look alike; static-pie has no loader, libc.so.6 has one."""
        flags = self.dynamic.get(_DT_FLAGS_1, (0,))[0]
        if self._type == _ET_EXEC or flags & _DF_1_PIE:
            return Kind.EXECUTABLE
        if not soname and (interpreter or _DT_DEBUG in self.dynamic):
            return Kind.EXECUTABLE
        return Kind.LIBRARY

    def _build_id(self) -> str:
        for segment in self.segments:
            if segment.type == _PT_NOTE:
                at, end = segment.offset, segment.offset + segment.size
                while at + 12 <= end:
                    name_size, size, type_ = self._records("III", at, 1)[0]
                    content = at + 12 + _rounded(name_size, 4)
                    if type_ == _NT_GNU_BUILD_ID and bytes(self.part(at + 12, name_size)) == b"GNU\0":
                        return self.part(content, size).hex()
                    at = content + _rounded(size, 8 if segment.alignment == 8 else 4)
        return ""

    def _dynamic_strings(self, tag: int) -> tuple[str, ...]:
        strings = self.dynamic.get(_DT_STRTAB)
        if not strings:
            return ()
        start = self._offset(strings[0])
        return tuple(self._string(start + value) for value in self.dynamic.get(tag, ()))

    def _offset(self, address: int) -> int:
        """Where in the file lies what is mapped at `address`."""
        for segment in self.segments:
            if segment.type == _PT_LOAD and segment.address <= address < segment.address + segment.size:
                return address - segment.address + segment.offset
        raise NotElf("its dynamic section points outside of the file")

    def _string(self, offset: int) -> str:
        return _text(self.view, offset)

    def _records(self, format_: str, offset: int, count: int) -> list[tuple[int, ...]]:
        record = struct.Struct(self._order + format_)
        return list(record.iter_unpack(self.part(offset, record.size * count)))


@contextmanager
def _image(path: str | Path) -> Iterator[_Image]:
    # Without O_NONBLOCK, opening a named pipe would wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
            raise NotElf(f"{path} is not an ELF file")
        mapped = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
    finally:
        os.close(descriptor)
    # The map is not closed by hand: slices of it may still be alive in a traceback.
    try:
        yield _Image(memoryview(mapped))
    except NotElf as error:
        raise NotElf(f"{path} is not an ELF program or library: {error}") from None
    except (struct.error, ValueError, IndexError) as error:
        raise NotElf(f"{path} is a damaged ELF file: {error}") from None


def _libc(kind: Kind, interpreter: str, needed: tuple[str, ...], soname: str) -> str:
    if kind is Kind.EXECUTABLE and not interpreter:
        return "static"
    names = (Path(interpreter).name, soname, *needed)
    if any(name.startswith(("ld-musl-", "libc.musl-")) or name == "libc.so" for name in names):
        return "musl"
    if any(name == "libc.so.6" or name.startswith(("ld-linux", "ld64.so", "ld.so.1")) for name in names):
        return "glibc"
    return ""


def _text(view: memoryview, offset: int) -> str:
    """The zero-terminated string at `offset`."""
    length = 64
    while True:
        piece = bytes(view[offset : offset + length])
        end = piece.find(b"\0")
        if end >= 0:
            return piece[:end].decode(errors="surrogateescape")
        if len(piece) < length:
            raise NotElf("a string runs past its end")
        length *= 4


def _rounded(size: int, unit: int) -> int:
    return -(-size // unit) * unit
