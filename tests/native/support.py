"""What the tests of the compiled libraries share: where they are, and how a program is started with them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from heapswap import native

ROOT = Path(__file__).parents[2]
ALLOCATORS = ("mimalloc", "mimalloc_v2", "mimalloc_secure", "jemalloc", "snmalloc")


def library(name: str) -> Path:
    """A compiled library of this checkout; every one must be there for the tests to mean something."""
    path = native.bundled(name)
    if path is None:
        pytest.fail(f"the library '{name}' was not built: `pip install -e .` says why")
    return path


def program(name: str, package: str) -> str:
    """The path of a program that a Debian package provides."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"'{name}' is not installed: `apt-get install {package}`")
    return path


def compiled(source: Path, folder: Path, *options: str) -> Path:
    """A C program; calls of the malloc family are kept as they are written."""
    target = folder / source.stem
    command = [program("gcc", "gcc"), "-O1", "-fno-builtin", "-pthread", "-w", *options, str(source), "-o", str(target)]
    subprocess.run(command, check=True)
    return target


def preloading(*names: str, **variables: str) -> dict[str, str]:
    """An environment in which these libraries are preloaded, and no other."""
    return {**os.environ, "LD_PRELOAD": " ".join(str(library(name)) for name in names), **variables}
