"""Whose malloc this process calls. Imports next to nothing: the answer stands on the way of every start."""

import os

from heapswap.libc import is_c_library

TYPE_CHECKING = False  # not typing's own, which is slow to import
if TYPE_CHECKING:
    from collections.abc import Iterator

MAPS = "/proc/self/maps"


# A program that is not position independent has an address of its own for what it takes the address of, so one name is
# not enough: Debian 12's Python does so for malloc and free.
_FAMILY = ("malloc", "calloc", "realloc", "malloc_usable_size")


def malloc_owner() -> str:
    """Path of the object whose ``malloc`` serves the program's calls; empty where it cannot be told.

    The symbol is looked up as the dynamic loader does for the program (dlsym(3) on the global scope), and the address
    is found among the mappings: being mapped alone proves nothing. heapswap's own probe is seen through.
    """
    try:
        executable = os.readlink("/proc/self/exe")  # noqa: PTH115 - pathlib is slow to import
    except OSError:
        return ""
    owner = ""
    for name in _FAMILY:
        owner = object_at(address_of(name)) or owner
        if owner != executable:
            break
    if "/probe." in owner:
        from heapswap import native  # noqa: PLC0415 - slow to import, and seldom needed

        if native.observes(owner):
            return _behind(owner)
    return owner


def _behind(observer: str) -> str:
    """Whose malloc the observer passes calls on to: that of the next preload that has one, else the C library's."""
    import _ctypes  # noqa: PLC0415 - as below

    for entry in os.environ.get("LD_PRELOAD", "").replace(":", " ").split():
        try:
            # RTLD_LAZY and RTLD_NOLOAD: what the process has already.
            owner = object_at(_ctypes.dlsym(_ctypes.dlopen(entry, 1 | 4), "malloc"))
        except OSError:
            continue
        # A library without a malloc answers with that of one it needs.
        if owner != observer and not is_c_library(owner):
            return owner
    return next((path for _, _, path in mappings() if is_c_library(path)), "")


def address_of(symbol: str) -> int:
    """Where the program's calls of a function go; 0 when the process has none of that name."""
    try:
        import _ctypes  # noqa: PLC0415 - ctypes itself takes ten times as long to import

        return int(_ctypes.dlsym(_ctypes.dlopen(None, 0), symbol))  # type: ignore[arg-type]  # the program itself
    except (ImportError, AttributeError, OSError, TypeError):
        return 0


def object_at(address: int) -> str:
    """The file that is mapped at an address; empty when there is none."""
    return next((path for low, high, path in mappings() if low <= address < high), "")


def mappings() -> "Iterator[tuple[int, int, str]]":
    """Start, end and file of everything that this process has mapped; the file is empty where there is none."""
    try:
        with open(MAPS, "rb") as lines:  # noqa: PTH123 - pathlib is slow to import
            for line in lines:
                # start-end permissions offset device inode path; the path may hold blanks.
                fields = line.split(None, 5)
                low, _, high = fields[0].partition(b"-")
                yield int(low, 16), int(high, 16), os.fsdecode(fields[5].rstrip(b"\n")) if len(fields) > 5 else ""
    except OSError:
        return


def same_file(first: str, second: str) -> bool:
    """Whether two paths are one file, links followed."""
    return bool(first and second) and os.path.realpath(first) == os.path.realpath(second)
