"""The text that a C function writes into a stream, without a file and without touching standard error."""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any


def written(write: Callable[[ctypes.c_void_p], object]) -> str | None:
    """What `write` wrote into the ``FILE *`` it is given; None where there is no memory, or no such stream.

    The buffer is the C library's and comes from the process's own malloc: a few KiB for an allocator's statistics.
    """
    functions = _functions()
    if functions is None:
        return None
    open_memstream, fclose, free = functions
    buffer, size = ctypes.c_void_p(), ctypes.c_size_t()
    stream = open_memstream(ctypes.byref(buffer), ctypes.byref(size))
    if not stream:
        return None
    try:
        write(ctypes.c_void_p(stream))
    finally:
        # Only now are buffer and size what was written.
        fclose(stream)
        text = ctypes.string_at(buffer.value, size.value).decode(errors="replace") if buffer.value else ""
        free(buffer)
    return text


@cache
def _functions() -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]] | None:
    """With prototypes of their own: those on a shared library object would be everyone's."""
    library = ctypes.CDLL(None)
    try:
        addresses = [
            ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in ("open_memstream", "fclose", "free")
        ]
    except AttributeError:
        return None
    if not all(addresses):
        return None
    opening = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    closing = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    freeing = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    return opening(addresses[0]), closing(addresses[1]), freeing(addresses[2])  # type: ignore[arg-type]
