"""Whose malloc a process calls, asked of dladdr(3): another way than heapswap's own, to check it by."""

import ctypes


class _Info(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def malloc_owner() -> str:
    """Path of the object that defines the malloc in use."""
    library = ctypes.CDLL(None)
    found = _Info()
    library.dladdr(ctypes.cast(library.malloc, ctypes.c_void_p), ctypes.byref(found))
    return bytes(found.name).decode()
