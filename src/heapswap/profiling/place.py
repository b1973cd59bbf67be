"""Where the probe writes, and the environment that has it write there."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from heapswap import native
from heapswap.errors import CannotGoOn
from heapswap.profiling import wire

PROBE = "HEAPSWAP_PROBE"
"""the variable that tells the probe its folder"""
STACKS = "HEAPSWAP_PROBE_STACKS"
"""the variable that has it copy stacks"""
PRELOAD = "LD_PRELOAD"
MEMORY = Path("/dev/shm")
"""a file system in memory: the program's stores are never held up by a disk"""
ROOM = wire.LONGEST
"""bytes that must be free there: one process's file; containers give it 64 MiB"""


@contextlib.contextmanager
def place(otherwise: Path) -> Iterator[Path]:
    """A private folder for the probe's files, removed afterwards: in memory, or in `otherwise` where that is too small.

    Raises:
        CannotGoOn: it cannot be made.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="heapswap-", dir=MEMORY if _has_room(MEMORY) else otherwise))
    except OSError as error:
        raise CannotGoOn(f"{otherwise}: {error.strerror}; give a results folder that can be written") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Depth(StrEnum):
    """How closely allocations are looked at."""

    STACKS = "on"
    """of some the call stack is copied"""
    CALLS = "off"
    """they are counted and timed"""


def observed(environ: Mapping[str, str], folder: Path, depth: Depth) -> dict[str, str]:
    """The environment with the probe in front of everything that is preloaded.

    Raises:
        CannotGoOn: the probe is missing, or lies where nothing can be preloaded from.
    """
    probe = native.preloadable("probe")
    present = environ.get(PRELOAD, "")
    preload = f"{probe}:{present}" if present else probe
    return {**environ, PRELOAD: preload, PROBE: os.fspath(folder), STACKS: depth}


def _has_room(folder: Path) -> bool:
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    return os.access(folder, os.W_OK) and status.f_bavail * status.f_frsize >= ROOM
