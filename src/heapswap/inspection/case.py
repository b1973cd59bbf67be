"""One question of preflight: this program, under this candidate, in this environment."""

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path

from heapswap import elf
from heapswap.allocators.model import Activation, Library
from heapswap.elf import Elf, NotElf
from heapswap.inspection.identity import Identity, identify
from heapswap.inspection.linkage import Loader
from heapswap.inspection.program import Program


class Case:
    """What every check looks at; the costly parts are read when first asked for."""

    def __init__(self, *, program: Program, activation: Activation, environ: Mapping[str, str]) -> None:
        self.program = program
        self.activation = activation
        self.environ = environ
        self.variables: Mapping[str, str] = dict(activation.variables)
        """what the candidate sets"""

    @property
    def library(self) -> Library | None:
        """What is to be preloaded."""
        return self.activation.library

    @property
    def name(self) -> str:
        """The program, for a message."""
        return Path(self.program.path).name

    @property
    def knobs_of_libc(self) -> tuple[str, ...]:
        """Variables of the candidate that only the C library's allocator reads."""
        if self.library is not None:
            return ()
        return tuple(
            name
            for name in self.variables
            if name == "GLIBC_TUNABLES" or (name.startswith("MALLOC_") and name != "MALLOC_CONF")
        )

    @property
    def changes_something(self) -> bool:
        """Whether anything beside Python's own allocator is asked for."""
        return self.library is not None or bool(self.knobs_of_libc)

    @cached_property
    def library_image(self) -> Elf | None:
        """The library's file, or None where there is none that can be read."""
        if self.library is None or not self.library.path:
            return None
        try:
            return elf.read(self.library.path)
        except (NotElf, OSError):
            return None

    @cached_property
    def own(self) -> tuple[Identity, ...]:
        """The allocators inside the program's own file."""
        return allocators_in(self.program.elf)

    @cached_property
    def linked(self) -> tuple[Elf, ...]:
        """The libraries that the program is linked with, in the loader's order."""
        return Loader(self.program.elf, self.environ).order(())[1:]

    @cached_property
    def provider(self) -> tuple[Elf, Identity] | None:
        """Who answers malloc while nothing is preloaded: the first in the loader's order that defines it."""
        for image in (self.program.elf, *self.linked):
            if elf.exported(image.path, ("malloc",)):
                found = next((one for one in allocators_in(image) if one.answers_malloc), None)
                return None if found is None else (image, found)
        return None


@lru_cache(maxsize=1024)
def allocators_in(image: Elf) -> tuple[Identity, ...]:
    """`identify`, once for each file: preflight asks for every candidate."""
    return identify(image)
