"""Activations as preflight gets them."""

from pathlib import Path

from heapswap.allocators.model import Activation, Candidate, Library, Origin


def preload(path: Path | str, family: str = "mimalloc", *, page_size: int = 0, **variables: str) -> Activation:
    """A library that is to be preloaded."""
    library = Library(family=family, path=str(path), version="", origin=Origin.PATH, page_size=page_size)
    return Activation(candidate=Candidate(library=family), library=library, variables=tuple(variables.items()))


def knobs(**variables: str) -> Activation:
    """No library, settings only."""
    return Activation(candidate=Candidate(library="system"), library=None, variables=tuple(variables.items()))
