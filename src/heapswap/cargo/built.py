"""What one build of one program declares: which statics the compiler sees, and which builds the source refuses."""

from collections.abc import Iterator
from dataclasses import dataclass

from heapswap.cargo.conditions import Facts, holds
from heapswap.cargo.graph import Crate
from heapswap.cargo.platform import Platform
from heapswap.cargo.source import Found, What


@dataclass(frozen=True, slots=True)
class Declared:
    """What was found in a crate of a program."""

    crate: Crate
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What one build of one program declares."""

    platform: Platform
    declared: tuple[Declared, ...]

    @property
    def active(self) -> tuple[Declared, ...]:
        """The declarations that the compiler sees."""
        return tuple(row for row in self._of(What.ALLOCATOR) if self._holds(row) is True)

    @property
    def refused(self) -> bool:
        """Whether the source itself refuses this build, by a ``compile_error!``."""
        return any(self._holds(row) is True for row in self._of(What.REFUSAL))

    def _of(self, what: What) -> Iterator[Declared]:
        return (row for row in self.declared if row.found.what is what and not row.found.macro)

    def _holds(self, row: Declared) -> bool | None:
        return holds(row.found.condition, Facts(target=self.platform.cfg, features=row.crate.features))
