"""What a place sets already, and what a choice adds to it: one answer for every target that sets variables."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from heapswap.allocators import locate, registry
from heapswap.allocators.activation import environment
from heapswap.allocators.model import Activation, Library, Origin, Preloads


def added(activation: Activation, present: Mapping[str, str], asked: str) -> dict[str, str]:
    """The variables that a place which sets `present` must set for the activation to be in force there, merged.

    Raises:
        Misuse: another allocator is preloaded there, or a knob is set to something else.
    """
    wanted = environment(activation, present, Preloads.MERGE, asked=asked, identify=identify)
    return {name: value for name, value in wanted.items() if present.get(name) != value}


def identify(entry: str, environ: Mapping[str, str]) -> Library | None:
    """The allocator behind an entry of LD_PRELOAD, also where its library is not on this machine: then by its name."""
    if locate.resolve(entry, environ) is not None:
        return locate.preloaded(entry, environ)
    for stem, family in _stems():
        if Path(entry).name.startswith(stem):
            return Library(family=family, path=entry, version="", origin=Origin.PATH)
    return None


def _stems() -> Iterator[tuple[str, str]]:
    for family in registry.families():
        for soname in family.sonames:
            yield soname.stem.removesuffix(".so"), family.name
        for build in family.builds:
            yield f"{build.name}.", family.name
