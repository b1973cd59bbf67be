"""How a choice comes into an image: which file or package, and what it is called there.

The very library that was tried is copied where it is heapswap's own; a library of the distribution comes as the
distribution's package.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from heapswap import elf
from heapswap.allocators import registry
from heapswap.allocators.activation import activate, settled
from heapswap.allocators.model import Activation, Candidate, Library, Origin
from heapswap.deploy.docker.dockerfile import Stage
from heapswap.deploy.docker.image import Ground, Kind
from heapswap.deploy.library import INSIDE, file_name
from heapswap.errors import CannotGoOn, Misuse

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""machines as ELF files name them, and as Docker does"""


class Supply(StrEnum):
    """Where the library comes from."""

    COPY = "copy"
    """from this installation, by way of the build context"""
    APT = "apt"
    """a Debian package"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How a choice comes into an image."""

    activation: Activation
    supply: Supply
    package: str = ""
    preload: str = ""
    """what LD_PRELOAD names there; empty: nothing is preloaded"""
    source: str = ""
    """the library's file on this machine, to be copied; empty: none is"""


def means_of(candidate: Candidate, supply: Supply | None, floor: Ground, stage: Stage) -> Means:
    """The way that a candidate comes into this image.

    Raises:
        Misuse: there is no such way.
        CannotGoOn: the library is not here, or would not load there.
    """
    if supply is not Supply.APT:
        activation = activate(candidate)
        library = activation.library
        if library is None:
            return Means(activation=activation, supply=Supply.COPY)
        if supply is Supply.COPY or library.origin is not Origin.SYSTEM or floor.kind is not Kind.DEBIAN:
            _refuse_unloadable(library, floor, stage)
            inside = f"{INSIDE}/{file_name(library)}"
            return Means(activation=activation, supply=Supply.COPY, preload=inside, source=library.path)
    if floor.kind is not Kind.DEBIAN:
        raise CannotGoOn(f"{floor.image} is not known to have apt; leave out --library apt, and the library is copied")
    return _packaged(candidate)


def _packaged(candidate: Candidate) -> Means:
    family = registry.family(candidate.library)
    soname = next((one for one in family.sonames if one.features == candidate.features and one.package), None)
    if soname is None or candidate.version:
        raise Misuse(f"Debian has no package of {candidate}; leave out --library apt, and the library is copied")
    # libjemalloc2 has libjemalloc.so.2: the package is named after the number that programs are linked with.
    number = re.search(r"(\d+)[\d.]*$", soname.package)
    name = f"{soname.stem}.{number[1]}" if number else soname.stem
    library = Library(
        family=family.name, path=name, version="", origin=Origin.SYSTEM, configuration=family.configuration
    )
    return Means(
        activation=settled(candidate, family, library, ""), supply=Supply.APT, package=soname.package, preload=name
    )


def _refuse_unloadable(library: Library, floor: Ground, stage: Stage) -> None:
    needed = [name for name in elf.read(library.path).needed if name.startswith("libstdc++")]
    if needed and floor.kind is Kind.BARE and "/base" in floor.image:
        raise CannotGoOn(f"{library.family} needs {needed[0]}, which {floor.image} lacks; use distroless/cc")
    literal = pinned(stage)
    if literal and literal != architecture(library):
        raise CannotGoOn(
            f"the stage is for {literal}, and the libraries of this installation are for "
            f"{architecture(library)}; run heapswap deploy there, or use --library apt"
        )


def pinned(stage: Stage) -> str:
    """The architecture that a stage is pinned to; empty where it is the target's."""
    parts = stage.platform.split("/")
    return parts[1] if len(parts) > 1 and "$" not in stage.platform else ""


def architecture(library: Library) -> str:
    """The library's machine as Docker names it: ``amd64``, ``arm64``."""
    return ARCHITECTURES.get(library.machine, library.machine)
