"""Every event of a trace as rows of an array, a piece at a time: `native/trace/src/rows.rs` says what the bytes are."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heapswap import native
from heapswap.traces.trace import failure

ROW = np.dtype(
    {
        "names": [
            "event", "time_ns", "block", "size", "caller", "allocation", "process", "thread", "kind", "function",
            "log2_alignment",
        ],
        "formats": ["<u8", "<u8", "<u8", "<u8", "<u8", "<u8", "<u4", "<u4", "u1", "u1", "u1"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 52, 56, 57, 58],
        "itemsize": 64,
    }
)  # fmt: skip
KINDS = ("allocate", "free", "reallocate", "failed")
FUNCTIONS = (
    "malloc", "calloc", "realloc", "reallocarray", "memalign", "aligned_alloc", "posix_memalign", "valloc", "pvalloc",
    "cfree", "free_sized", "free_aligned_sized", "free",
)  # fmt: skip
NEVER_SEEN = 2**64 - 1
"""`allocation` of a block whose allocation is not in the trace"""
NO_ALIGNMENT = 255

PIECE = 1 << 18
"""rows of a piece: 16 MiB"""


def events(path: Path) -> Iterator[NDArray[Any]]:
    """The events of a trace in one order over all threads, as arrays of at most `PIECE` rows of `ROW`.

    Raises:
        CannotGoOn: the trace is damaged; the message names the segment.
    """
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [str(native.tracer()), "rows", str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        ) as program,
    ):
        assert program.stdout is not None
        try:
            while data := program.stdout.read(PIECE * ROW.itemsize):
                # A row that is cut off comes from a program that failed, and the status says so.
                yield np.frombuffer(data, ROW, len(data) // ROW.itemsize)
        finally:
            program.stdout.close()
            status = program.wait()
        if status != 0:
            errors.seek(0)
            raise failure(path, status, errors.read())
