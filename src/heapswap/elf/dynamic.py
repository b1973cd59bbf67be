"""The dynamic section: what the loader is told about the file."""

from collections.abc import Mapping
from functools import cached_property

from heapswap.elf.headers import PT_DYNAMIC, Headers
from heapswap.elf.records import Records

DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SONAME = 1, 4, 5, 6, 10, 14
DT_RPATH, DT_DEBUG, DT_RUNPATH, DT_GNU_HASH, DT_FLAGS_1 = 15, 21, 29, 0x6FFFFEF5, 0x6FFFFFFB
DF_1_PIE = 0x08000000


class Dynamic:
    """Values by tag; a static program has none."""

    def __init__(self, records: Records, headers: Headers) -> None:
        self._records, self._headers = records, headers

    @cached_property
    def values(self) -> Mapping[int, tuple[int, ...]]:
        """Values by tag, in order."""
        form = self._records.layout.dynamic
        size = self._records.record(form).size
        values: dict[int, tuple[int, ...]] = {}
        for segment in self._headers.segments:
            if segment.type == PT_DYNAMIC:
                for tag, value in self._records.read(form, segment.offset, segment.size // size):
                    if tag == 0:
                        break
                    values[tag] = (*values.get(tag, ()), value)
        return values

    def value(self, tag: int) -> int | None:
        """The first value of a tag."""
        return next(iter(self.values.get(tag, ())), None)

    def table(self, tag: int) -> int | None:
        """Where in the file the table lies that a tag points to; None where the tag is absent or zero."""
        address = self.value(tag)
        return self._headers.offset(address) if address else None

    def strings(self, tag: int) -> tuple[str, ...]:
        """The strings that a tag names."""
        start = self.table(DT_STRTAB)
        if start is None:
            return ()
        return tuple(self._records.text(start + value) for value in self.values.get(tag, ()))
