"""shelf: an allocator for heapswap. `ALLOCATOR` is what the entry point in pyproject.toml names."""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from heapswap.allocators.model import Allocator

_LIBRARY = Path(__file__).with_name(f"shelf{EXTENSION_SUFFIXES[0]}")

ALLOCATOR = Allocator(
    name="shelf",
    summary="size classes over mmap, one lock a class; an example of a plugin",
    upstream="https://github.com/heapswap/heapswap/tree/main/examples/allocator-plugin",
    symbols=("shelf_version",),
    version=r"shelf (\d+\.\d+)",
    paths=(str(_LIBRARY),),
)
