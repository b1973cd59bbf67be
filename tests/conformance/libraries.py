"""Malloc libraries made for the tests: the example plugin's, which is sound, and four that break it in one way each."""

import subprocess
from pathlib import Path

from tests.native.support import ROOT, program

SOUND = ROOT / "examples/allocator-plugin/src/heapswap_shelf/shelf.c"
BROKEN = ("misaligned", "stale_calloc", "short_realloc", "unlocked")


def library(source: Path, folder: Path) -> str:
    """The path of the library that was built from `source`, without optimisations that would hide what it does."""
    target = folder / f"lib{source.stem}.so"
    command = [program("gcc", "gcc"), "-O1", "-fno-builtin", "-pthread", "-w", "-shared", "-fPIC"]
    subprocess.run([*command, f'-DSOUND="{SOUND}"', str(source), "-o", str(target)], check=True)
    return str(target)


def broken(name: str, folder: Path) -> str:
    """The path of one of the broken libraries."""
    return library(Path(__file__).with_name(f"{name}.c"), folder)
