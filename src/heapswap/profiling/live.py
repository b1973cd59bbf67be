"""Live bytes of a whole process tree at one moment, from the probe's files."""

import errno
import os
from pathlib import Path

from heapswap.profiling import wire
from heapswap.profiling.wire import Flag, Header


def live_of_tree(folder: Path) -> int | None:
    """Bytes that the processes of a run have allocated and not freed, of those that are still there.

    None where nothing is observed, or the sizes of this allocator's blocks cannot be asked for. What a fork has
    inherited counts in the child as well: forks that stay make a constant more of it, and no growth.
    """
    observed = [(path, header) for path, header in headers(folder) if is_there(header)]
    if not observed or any(Flag.LIVE_COUNTED not in header.flags for _, header in observed):
        return None
    try:
        return sum(wire.live_now(path) for path, _ in observed)
    except (wire.NotAProbeFile, OSError):
        return None


def headers(folder: Path) -> list[tuple[Path, Header]]:
    """The last file of every process: after an exec it goes on in another one."""
    latest: dict[int, tuple[Path, Header]] = {}
    for path in folder.glob(f"*{wire.SUFFIX}"):
        try:
            with path.open("rb") as file:
                header = wire.decode_header(file.read(wire.HEADER))
        except (wire.NotAProbeFile, OSError):
            continue
        other = latest.get(header.process)
        if other is None or other[1].begun < header.begun:
            latest[header.process] = path, header
    return sorted(latest.values(), key=lambda one: one[1].begun)


def is_there(header: Header) -> bool:
    """Whether a process still runs."""
    if Flag.ENDED in header.flags:
        return False
    try:
        os.kill(header.process, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True
