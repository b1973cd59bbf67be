"""What Python's own allocator says, which takes its memory from the kernel and not from malloc."""

import ctypes
import re
import sys
from collections.abc import Callable
from functools import cache

from heapswap.runtime.stats.memstream import written
from heapswap.runtime.stats.model import Detail, PythonMemory

_FIGURES = ("arenas", "mapped", "allocated")
_FULL = "read with Detail.FULL only: Python walks every pool for it"
_HIDDEN = "this Python does not export what would tell"
_NO_ARENAS = "Python's copy of mimalloc tells of no arenas"
_PASSED_ON = "Python has no allocator of its own here: it passes every request on to malloc"


def read(detail: Detail) -> PythonMemory:
    """Python's own memory now; its arenas with `Detail.FULL`."""
    allocator = _allocator()
    if allocator.removesuffix("_debug") == "malloc":
        return PythonMemory(allocator=allocator, unknown=tuple((name, _PASSED_ON) for name in ("blocks", *_FIGURES)))
    if detail is Detail.FULL:
        write = _writer()
        values = parsed((write and written(write)) or "")
        why = _NO_ARENAS if values else _HIDDEN
    else:
        values, why = {}, _FULL
    missing = tuple((name, why) for name in _FIGURES if name not in values)
    return PythonMemory(allocator=allocator, blocks=sys.getallocatedblocks(), unknown=missing, **values)


def parsed(text: str) -> dict[str, int]:
    """The figures in what Python writes about its allocator: pymalloc's arenas, or its copy of mimalloc (3.13)."""
    found = {name: match[1] for name, pattern in _PATTERNS if (match := re.search(pattern, text, re.MULTILINE))}
    return {name: int(number.replace(",", "")) for name, number in found.items()}


_PATTERNS = (
    ("arenas", r"^([\d,]+) arenas \* \d+ bytes/arena"),
    ("mapped", r"^[\d,]+ arenas \* \d+ bytes/arena\s*=\s*([\d,]+)$"),
    ("allocated", r"^# bytes in allocated blocks\s*=\s*([\d,]+)$"),
    ("mapped", r"^\s*Bytes Committed: (\d+)$"),
    ("allocated", r"^\s*Allocated Bytes: (\d+)$"),
)


def _allocator() -> str:
    try:
        function = ctypes.PYFUNCTYPE(ctypes.c_char_p)(("_PyMem_GetCurrentAllocatorName", ctypes.pythonapi))
    except AttributeError:
        return ""
    name: bytes | None = function()
    return (name or b"").decode()


@cache
def _writer() -> Callable[[ctypes.c_void_p], object] | None:
    """What `sys._debugmallocstats` calls with standard error; called with the GIL held, which it needs."""
    try:
        return ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(("_PyObject_DebugMallocStats", ctypes.pythonapi))
    except AttributeError:
        return None
