"""The C library's file, told by its name. Imports next to nothing: it is asked on the way of every start."""

import os

_STEMS = ("libc.so", "libc-2.", "libc.musl-", "ld-musl-")


def is_c_library(path: str) -> bool:
    """Whether an object of the dynamic loader is glibc or musl itself."""
    return os.path.basename(path).startswith(_STEMS)  # noqa: PTH119 - pathlib is slow to import
