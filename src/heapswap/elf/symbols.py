"""Symbol tables: the full one, and the one that the loader uses, with its hash table."""

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property

from heapswap.elf.dynamic import DT_GNU_HASH, DT_HASH, DT_STRSZ, DT_STRTAB, DT_SYMTAB, Dynamic
from heapswap.elf.headers import SHT_DYNSYM, SHT_SYMTAB, Headers
from heapswap.elf.records import Records, text
from heapswap.values import value

STB_WEAK = 2


@value(kw_only=False)
class Symbol:
    """What a symbol table says of one name."""

    binding: int
    section: int
    """index of the section that holds it; 0: it is not defined here"""

    @property
    def defined(self) -> bool:
        """Whether the file holds it."""
        return self.section != 0

    @property
    def required(self) -> bool:
        """Whether another object has to define it."""
        return self.section == 0 and self.binding != STB_WEAK


class SymbolTable:
    """One symbol table with its strings."""

    def __init__(self, record: struct.Struct, rows: memoryview, strings: memoryview) -> None:
        self._record = record
        self._rows = rows
        self._strings = strings

    def at(self, index: int) -> tuple[str, Symbol]:
        """Name and symbol number `index`."""
        fields = self._record.unpack_from(self._rows, index * self._record.size)
        return text(self._strings, fields[0]), self._symbol(fields)

    def find(self, names: Iterable[str]) -> Iterator[tuple[str, Symbol]]:
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

    def _starting(self, column: "array[int]", start: int, name: str) -> Iterator[tuple[str, Symbol]]:
        index = -1
        with suppress(ValueError):
            while True:
                index = column.index(start, index + 1)
                yield name, self.at(index)[1]

    def _symbol(self, fields: tuple[int, ...]) -> Symbol:
        info, index = (fields[1], fields[3]) if self._record.format.endswith("QQ") else (fields[3], fields[5])
        return Symbol(info >> 4, index)


class DynamicSymbols:
    """Imports and exports."""

    def __init__(self, records: Records, headers: Headers, dynamic: Dynamic) -> None:
        self._records, self._headers, self._dynamic = records, headers, dynamic

    def exported(self, names: Iterable[str]) -> frozenset[str]:
        """Those of `names` that the file defines for others."""
        if self._hash_table is None:
            return frozenset(name for name, symbol in self._table.find(names) if symbol.defined)
        return frozenset(name for name in names if (symbol := self._hashed(name)) and symbol.defined)

    def imported(self, names: Iterable[str]) -> frozenset[str]:
        """Those of `names` that are left to others."""
        asked = frozenset(names)
        if self._hash_table is not None:
            # What is not hashed comes first: imports, a few hundred even where a million names are exported. Imports
            # whose address the program takes are hashed. A table that hashes nothing may have any start.
            _, first, _, _ = self._records.read("IIII", self._hash_table)[0]
            if first > 1:
                rows = map(self._table.at, range(1, first))
                found = {name for name, symbol in rows if symbol.required and name in asked}
                return frozenset(found | {name for name in asked if (symbol := self._hashed(name)) and symbol.required})
        return frozenset(name for name, symbol in self._table.find(asked) if symbol.required)

    @cached_property
    def _hash_table(self) -> int | None:
        return self._dynamic.table(DT_GNU_HASH)

    @cached_property
    def _table(self) -> SymbolTable:
        record = self._records.record(self._records.layout.symbol)
        at, strings_at = self._dynamic.table(DT_SYMTAB), self._dynamic.table(DT_STRTAB)
        size = self._dynamic.value(DT_STRSZ)
        if at is None or strings_at is None or size is None:
            return SymbolTable(record, memoryview(b""), memoryview(b""))
        rows = self._records.part(at, self._size(at, strings_at, record.size))
        return SymbolTable(record, rows, self._records.part(strings_at, size))

    def _size(self, at: int, strings_at: int, each: int) -> int:
        """Nothing records it directly: the section header, the old hash table, or the start of what follows tells."""
        for row in self._headers.sections:
            if row.type == SHT_DYNSYM and row.offset == at:
                return row.size
        if (table := self._dynamic.table(DT_HASH)) is not None:
            _, count = self._records.read("II", table)[0]
            return count * each
        return max(0, strings_at - at)

    def _hashed(self, name: str) -> Symbol | None:
        """Look a name up as the loader does, in the table that `DT_GNU_HASH` points to."""
        table = self._hash_table
        assert table is not None  # asked only where there is one
        wanted = 5381
        for byte in name.encode():
            wanted = (wanted * 33 + byte) & 0xFFFFFFFF
        buckets, first, filter_size, _ = self._records.read("IIII", table)[0]
        if buckets == 0:
            return None
        filter_end = table + 16 + filter_size * self._records.record(self._records.layout.word).size
        (index,) = self._records.read("I", filter_end + wanted % buckets * 4)[0]
        if index < first:
            return None
        while True:
            (hashed,) = self._records.read("I", filter_end + buckets * 4 + (index - first) * 4)[0]
            if hashed | 1 == wanted | 1:
                found, symbol = self._table.at(index)
                if found == name:
                    return symbol
            if hashed & 1:
                return None
            index += 1


def static_symbols(records: Records, headers: Headers) -> SymbolTable | None:
    """The full symbol table; None in a stripped file."""
    table = next((row for row in headers.sections if row.type == SHT_SYMTAB), None)
    if table is None or table.link >= len(headers.sections):
        return None
    strings = headers.sections[table.link]
    record = records.record(records.layout.symbol)
    return SymbolTable(record, records.part(table.offset, table.size), records.part(strings.offset, strings.size))
