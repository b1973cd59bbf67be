"""The bytes of an ELF file as records of its class, 32 or 64 bits, and its byte order."""

import struct

from heapswap.values import value


class NotElf(ValueError):
    """The file is not an ELF program or library, or it is damaged."""


@value(kw_only=False)
class Layout:
    """How a 32-bit or a 64-bit file lays out its records."""

    header: str
    segment: str
    section: str
    dynamic: str
    symbol: str
    word: str
    """one entry of the hash table's filter"""


LAYOUTS = {
    1: Layout("HHIIIIIHHHHHH", "IIIIIIII", "IIIIIIIIII", "iI", "IIIBBH", "I"),
    2: Layout("HHIQQQIHHHHHH", "IIQQQQQQ", "IIQQQQIIQQ", "qQ", "IBBHQQ", "Q"),
}

ORDERS = {1: "<", 2: ">"}


class Records:
    """A mapped file that can be read record by record.

    Raises:
        NotElf: it does not begin as an ELF file does.
    """

    def __init__(self, view: memoryview) -> None:
        if bytes(view[:4]) != b"\x7fELF" or len(view) < 20:
            raise NotElf("it does not begin like an ELF file")
        layout, order = LAYOUTS.get(view[4]), ORDERS.get(view[5])
        if layout is None or order is None:
            raise NotElf("its ELF class or byte order is unknown")
        self.view, self.layout, self._order = view, layout, order
        self.bits = 32 * view[4]

    def record(self, format_: str) -> struct.Struct:
        """A record of this file's byte order."""
        return struct.Struct(self._order + format_)

    def read(self, format_: str, offset: int, count: int = 1) -> list[tuple[int, ...]]:
        """`count` records at `offset`."""
        record = self.record(format_)
        return list(record.iter_unpack(self.part(offset, record.size * count)))

    def part(self, offset: int, size: int) -> memoryview:
        """`size` bytes at `offset`."""
        if offset + size > len(self.view):
            raise NotElf("it is cut short")
        return self.view[offset : offset + size]

    def text(self, offset: int) -> str:
        """The zero-terminated string at `offset`."""
        return text(self.view, offset)


def text(view: memoryview, offset: int) -> str:
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
