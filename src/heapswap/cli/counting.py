"""Live bytes of a service, cycle by cycle: the probe of `profile`, put in front of the allocator of a trial's run."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from heapswap import native
from heapswap.profiling import wire
from heapswap.profiling.place import observed, place
from heapswap.trials.counting import Counting


@contextlib.contextmanager
def counted(environ: Mapping[str, str], folder: Path) -> Iterator[Counting]:
    """A run with the probe in it; its files are gone afterwards.

    Raises:
        CannotGoOn: the probe cannot be preloaded, or its files have no place.
    """
    with place(folder) as files:
        yield Counting(
            environ=observed(environ, files),
            counter=os.path.realpath(native.required("probe")),
            live=lambda: live_bytes(files),
            behind=lambda: {raw.header.process: raw.header.library for raw in wire.read_all(files)},
        )


def live_bytes(files: Path) -> int | None:
    """Live bytes of all processes that run now, each by its last file; None where there is none."""
    latest: dict[int, tuple[int, Path]] = {}
    for path in files.glob(f"*{wire.SUFFIX}"):
        with contextlib.suppress(wire.NotAProbeFile, OSError), path.open("rb") as file:
            header = wire.decode_header(file.read(wire.HEADER))
            if header.process not in latest or latest[header.process][0] < header.begun:
                latest[header.process] = header.begun, path
    found = []
    for process, (_, path) in latest.items():
        if Path(f"/proc/{process}").exists():
            with contextlib.suppress(wire.NotAProbeFile, OSError):
                found.append(wire.live_now(path))
    return sum(found) if found else None
