"""The bundled allocators as heaps of their own, beside the process's malloc: a pointer of one never reaches another."""

from dataclasses import dataclass
from typing import ClassVar

from heapswap.errors import Misuse
from heapswap.runtime import library
from heapswap.runtime.contract import GlobalAlloc
from heapswap.runtime.layout import Layout


class Heap(GlobalAlloc):
    """A bundled allocator. All values of one class are the same heap, which lives as long as the process.

    Any method raises `CannotGoOn` where the heap was not built (it is for Linux; `System` is for everywhere).
    """

    heap: ClassVar[str]
    """the library's name, as `heapswap.runtime.library.load` knows it"""

    def alloc(self, layout: Layout) -> int:
        return library.load(self.heap).alloc(layout.size, layout.align) or 0

    def alloc_zeroed(self, layout: Layout) -> int:
        return library.load(self.heap).alloc_zeroed(layout.size, layout.align) or 0

    def dealloc(self, pointer: int, layout: Layout) -> None:  # noqa: ARG002 - a heap knows its blocks' sizes
        """Take a block back.

        Raises:
            Misuse: it is a block of another allocator, which is left alone.
        """
        if not library.load(self.heap).dealloc(pointer):
            raise self._foreign(pointer)

    def realloc(self, pointer: int, layout: Layout, new_size: int) -> int:
        """As `GlobalAlloc.realloc`; grows in place where the allocator can.

        Raises:
            Misuse: `Layout` does not allow the new size, or it is a block of another allocator, which is left alone.
        """
        new = Layout(new_size, layout.align)
        moved = library.load(self.heap).realloc(pointer, new.size, new.align) or 0
        if not moved and not self.owns(pointer):
            raise self._foreign(pointer)
        return moved

    def owns(self, pointer: int) -> bool:
        """Whether this heap keeps its blocks around that address; any int may be asked."""
        return bool(library.load(self.heap).owns(pointer))

    def usable_size(self, pointer: int) -> int:
        """Bytes that a live block really has, at least those asked for; 0 for a block of another allocator."""
        return library.load(self.heap).usable_size(pointer)

    def allocated(self) -> int | None:
        """Bytes in live blocks, each as large as its size class, by the allocator's own statistics.

        None for snmalloc, which keeps none. mimalloc walks its pages: no other thread may be at work in the heap
        meanwhile; what another thread freed counts until the thread that asked for it allocates again or ends; blocks
        straight from the system (a GiB or more, or aligned to a MiB or more) do not count.
        """
        return _known(library.load(self.heap).allocated())

    def active(self) -> int | None:
        """Bytes of the pages and blocks taken for use, by the allocator's own statistics; at least `allocated`.

        snmalloc counts a slab whole as long as it has it. For mimalloc the same holds as for `allocated`.
        """
        return _known(library.load(self.heap).active())

    def _foreign(self, pointer: int) -> Misuse:
        return Misuse(f"{pointer:#x} is no block of {self}; give each block back to the allocator it came from")


def _known(figure: int) -> int | None:
    return None if figure == library.UNKNOWN else figure


@dataclass(frozen=True)
class MiMalloc(Heap):
    """mimalloc, version 3."""

    heap = "mimalloc"


@dataclass(frozen=True)
class MiMallocSecure(Heap):
    """mimalloc with its hardening: guard pages, randomised and encoded free lists, checks against double free."""

    heap = "mimalloc_secure"


@dataclass(frozen=True)
class Jemalloc(Heap):
    """jemalloc; reads its options from ``_RJEM_MALLOC_CONF`` when it is first used."""

    heap = "jemalloc"


@dataclass(frozen=True)
class SnMalloc(Heap):
    """snmalloc."""

    heap = "snmalloc"
