"""Whose malloc this process calls. Imports next to nothing: the answer stands on the way of every start."""

import os

MAPS = "/proc/self/maps"


def malloc_owner() -> str:
    """Path of the object whose ``malloc`` the program's calls are bound to; empty where it cannot be told.

    The symbol is looked up as the dynamic loader does for the program (dlsym(3) on the global scope), and the address
    is found among the mappings: being mapped alone proves nothing.
    """
    try:
        import _ctypes  # noqa: PLC0415 - ctypes itself takes ten times as long to import

        address: int = _ctypes.dlsym(_ctypes.dlopen(None, 0), "malloc")  # type: ignore[arg-type]  # the program itself
    except (ImportError, AttributeError, OSError):
        return ""
    try:
        with open(MAPS, "rb") as lines:  # noqa: PTH123 - pathlib is slow to import
            for line in lines:
                # start-end permissions offset device inode path; the path may hold blanks.
                fields = line.split(None, 5)
                low, _, high = fields[0].partition(b"-")
                if int(low, 16) <= address < int(high, 16):
                    return os.fsdecode(fields[5].rstrip(b"\n")) if len(fields) > 5 else ""
    except OSError:
        pass
    return ""


def is_c_library(owner: str) -> bool:
    """Whether that object is the C library."""
    return os.path.basename(owner).startswith(("libc.so", "libc-", "libc.musl-", "ld-musl-"))  # noqa: PTH119


def same_file(first: str, second: str) -> bool:
    """Whether two paths are one file, links followed."""
    return bool(first and second) and os.path.realpath(first) == os.path.realpath(second)
