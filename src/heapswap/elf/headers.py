"""The headers: what the file is, its segments as the loader sees them, its sections as the linker does."""

from functools import cached_property

from heapswap.elf.records import NotElf, Records
from heapswap.values import value

ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
SHT_SYMTAB, SHT_NOBITS, SHT_DYNSYM = 2, 8, 11


@value(kw_only=False)
class Segment:
    """A program header."""

    type: int
    offset: int
    address: int
    size: int
    alignment: int


@value(kw_only=False)
class Section:
    """A section header."""

    name: str
    type: int
    offset: int
    size: int
    link: int


class Headers:
    """The file header and the tables it points to, read when first asked for.

    Raises:
        NotElf: it is neither a program nor a library.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        header = records.read(records.layout.header, 16)[0]
        self.type, self.machine = header[0], header[1]
        self._segments_at, self._sections_at = header[4], header[5]
        self._segment_count, self._section_count, self._names_index = header[9], header[11], header[12]
        if self.type not in (ET_EXEC, ET_DYN):
            raise NotElf("it is an object or core file, not a program or library")

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The program headers."""
        rows = self._records.read(self._records.layout.segment, self._segments_at, self._segment_count)
        if self._records.bits == 64:
            return tuple(Segment(r[0], r[2], r[3], r[5], r[7]) for r in rows)
        return tuple(Segment(r[0], r[1], r[2], r[4], r[7]) for r in rows)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The section headers; a stripped file may have none."""
        if not self._sections_at:
            return ()
        rows = self._records.read(self._records.layout.section, self._sections_at, self._section_count)
        if self._names_index >= len(rows):
            return ()
        names = rows[self._names_index][4]
        return tuple(
            Section(self._records.text(names + r[0]), r[1], r[4], 0 if r[1] == SHT_NOBITS else r[5], r[6]) for r in rows
        )

    def section(self, name: str) -> Section | None:
        """The section called `name`."""
        return next((row for row in self.sections if row.name == name), None)

    def offset(self, address: int) -> int:
        """Where in the file lies what is mapped at `address`."""
        for segment in self.segments:
            if segment.type == PT_LOAD and segment.address <= address < segment.address + segment.size:
                return address - segment.address + segment.offset
        raise NotElf("its dynamic section points outside of the file")
