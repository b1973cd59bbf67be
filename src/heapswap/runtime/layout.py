"""The shape of a block of memory: Rust's `core::alloc::Layout`."""

import operator
import sys
from dataclasses import dataclass

from heapswap.errors import Misuse


@dataclass(frozen=True, slots=True)
class Layout:
    """How many bytes a block has, and the power of two that its address is a multiple of.

    The rules are those of Rust's ``Layout::from_size_align``.

    Raises:
        Misuse: `align` is no power of two, `size` is negative, or `size` rounded up to a multiple of `align` exceeds
            ``sys.maxsize`` (Rust's ``isize::MAX``).
    """

    size: int
    """bytes; may be 0"""
    align: int
    """a power of two"""

    def __post_init__(self) -> None:
        size, align = _whole("size", self.size), _whole("align", self.align)
        if align <= 0 or align & (align - 1):
            raise Misuse(f"the alignment {align} is not a power of two; give 1, 2, 4, 8, 16 …")
        if size < 0:
            raise Misuse(f"the size {size} is negative; a block has 0 bytes or more")
        if size > sys.maxsize - (align - 1):
            raise Misuse(
                f"the size {size}, rounded up to a multiple of {align}, exceeds {sys.maxsize}; ask for a smaller block"
            )
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "align", align)


def _whole(name: str, value: object) -> int:
    """A plain int, also from NumPy's integers."""
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise Misuse(f"the {name} {value!r} is no whole number; give bytes as an int") from None
