"""An ELF file, opened and mapped; every failure to read it becomes one error that names it."""

import mmap
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from heapswap.elf.dynamic import Dynamic
from heapswap.elf.headers import Headers
from heapswap.elf.records import NotElf, Records
from heapswap.elf.symbols import DynamicSymbols, SymbolTable, static_symbols


class Image:
    """A mapped file and its tables; everything is read when first asked for."""

    def __init__(self, view: memoryview) -> None:
        self.records = Records(view)
        self.headers = Headers(self.records)
        self.dynamic = Dynamic(self.records, self.headers)
        self.symbols = DynamicSymbols(self.records, self.headers, self.dynamic)

    @cached_property
    def static_symbols(self) -> SymbolTable | None:
        """The full symbol table; None in a stripped file."""
        return static_symbols(self.records, self.headers)

    def section(self, name: str) -> bytes | None:
        """The content of a section; None where there is none of that name."""
        found = self.headers.section(name)
        return None if found is None else bytes(self.records.part(found.offset, found.size))

    @property
    def constants(self) -> bytes:
        """The read-only data; the whole file where no section header says where that is."""
        found = self.section(".rodata")
        return bytes(self.records.view) if found is None else found


@contextmanager
def opened(path: str | Path) -> Iterator[Image]:
    """The file at `path`.

    Raises:
        NotElf: it is something else, or damaged.
        OSError: it cannot be read.
    """
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
        yield Image(memoryview(mapped))
    except NotElf as error:
        raise NotElf(f"{path} is not an ELF program or library: {error}") from None
    except (struct.error, ValueError, IndexError) as error:
        raise NotElf(f"{path} is a damaged ELF file: {error}") from None
