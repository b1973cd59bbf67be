"""From the objects of a program, in the loader's order, to the allocators it has and the one that serves it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from heapswap import elf
from heapswap.elf import Elf
from heapswap.inspection import identity
from heapswap.inspection.case import allocators_in
from heapswap.inspection.identity import Identity
from heapswap.inspection.model import Presence, Use

_C_LIBRARIES = ("glibc", "musl")
_PACKAGES = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One object and how it comes into the program."""

    image: Elf
    path: str
    """as the program knows it; `image.path` is where it could be read"""
    presence: Presence
    in_order: bool = True
    """the loader put it in at the start; False: the program loaded it later, and it answers nobody's malloc"""
    seen: str = ""
    """where, such as ``mapped at 7f…``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """What serves a program, and everything that is there."""

    allocator: str
    """family; empty when it cannot be told"""
    uses: tuple[Use, ...]
    """the serving one first"""


def compose(objects: Sequence[Placed]) -> Composition:
    """Whose malloc answers: the program's own allocator, or the first object in the loader's order that defines malloc.

    Being mapped proves nothing: an executable that defines malloc itself passes over everything preloaded.
    """
    found = [(placed, one) for placed in objects for one in _identities(placed)]
    serving = _serving(found)
    # The C library is always there; it is worth a line only where it serves.
    others = [row for row in found if row != serving and row[1].family not in _C_LIBRARIES]
    if serving is None:
        return Composition(allocator="", uses=tuple(_use(*row) for row in others))
    return Composition(allocator=serving[1].family, uses=(_use(*serving, serves=True), *(_use(*row) for row in others)))


def presence_of(path: str) -> Presence:
    """How an object that the program did not name for itself is there."""
    return Presence.WHEEL if any(folder in Path(path).parts for folder in _PACKAGES) else Presence.LINKED


def _identities(placed: Placed) -> Iterator[Identity]:
    found = allocators_in(placed.image)
    yield from found
    if not found and placed.image.libc == "static" and elf.mentions(placed.image.path, b"glibc.malloc."):
        yield Identity(
            family="glibc", variable="MALLOC_", evidence="holds glibc's allocator settings", answers_malloc=True
        )


def _serving(found: Sequence[tuple[Placed, Identity]]) -> tuple[Placed, Identity] | None:
    # A program with an allocator inside calls it by its own names (Rust's global allocator, redis's zmalloc).
    inside = next((row for row in found if row[0].presence is Presence.STATIC), None)
    return inside or next((row for row in found if row[0].in_order and row[1].answers_malloc), None)


def _use(placed: Placed, one: Identity, *, serves: bool = False) -> Use:
    presence = placed.presence
    if one.family in _C_LIBRARIES and presence is not Presence.STATIC:
        presence = Presence.LIBC
    evidence = [one.evidence, placed.seen]
    if serves and one.answers_malloc:
        evidence.append("first in the loader's order to define malloc")
    elif not placed.in_order:
        evidence.append("loaded later: it serves itself only")
    return Use(
        family=one.family,
        presence=presence,
        path=placed.path,
        version=identity.version(placed.image, one.family),
        evidence="; ".join(part for part in evidence if part),
    )
