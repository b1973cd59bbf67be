"""Live bytes of a service, cycle by cycle: the probe of `profile`, put in front of the allocator of a trial's run."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from heapswap import native
from heapswap.profiling.live import headers, live_of_tree
from heapswap.profiling.place import Depth, observed, place
from heapswap.profiling.small import small_of_tree
from heapswap.trials.counting import Counting


@contextlib.contextmanager
def counted(environ: Mapping[str, str], folder: Path) -> Iterator[Counting]:
    """A run with the probe in it; its files are gone afterwards.

    Raises:
        CannotGoOn: the probe cannot be preloaded, or its files have no place.
    """
    with place(folder) as files:
        yield Counting(
            environ=observed(environ, files, Depth.CALLS),
            counter=os.path.realpath(native.required("probe")),
            live=partial(live_of_tree, files),
            small=partial(small_of_tree, files),
            behind=lambda: {header.process: header.library for _, header in headers(files)},
        )
