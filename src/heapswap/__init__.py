"""Profile first, swap the allocator only when the data says so, prove the swap took effect, and keep it true."""

__version__ = "0.1.0"

TYPE_CHECKING = False  # not typing's own: importing heapswap has to cost next to nothing
if TYPE_CHECKING:
    from heapswap.report.result import Result as Result
    from heapswap.report.result import load as load
    from heapswap.runtime.arrays import numpy_allocator
    from heapswap.runtime.buffers import buffer
    from heapswap.runtime.contract import GlobalAlloc
    from heapswap.runtime.declaration import global_allocator
    from heapswap.runtime.heaps import Jemalloc, MiMalloc, MiMallocSecure, SnMalloc
    from heapswap.runtime.layout import Layout
    from heapswap.runtime.stats.model import Detail
    from heapswap.runtime.stats.release import release
    from heapswap.runtime.stats.snapshot import stats
    from heapswap.runtime.system import System

__all__ = [
    "Detail",
    "GlobalAlloc",
    "Jemalloc",
    "Layout",
    "MiMalloc",
    "MiMallocSecure",
    "SnMalloc",
    "System",
    "buffer",
    "global_allocator",
    "numpy_allocator",
    "release",
    "stats",
]

_HOMES = {
    "Detail": "heapswap.runtime.stats.model",
    "GlobalAlloc": "heapswap.runtime.contract",
    "Jemalloc": "heapswap.runtime.heaps",
    "Layout": "heapswap.runtime.layout",
    "MiMalloc": "heapswap.runtime.heaps",
    "MiMallocSecure": "heapswap.runtime.heaps",
    "SnMalloc": "heapswap.runtime.heaps",
    "System": "heapswap.runtime.system",
    "buffer": "heapswap.runtime.buffers",
    "global_allocator": "heapswap.runtime.declaration",
    "numpy_allocator": "heapswap.runtime.arrays",
    "release": "heapswap.runtime.stats.release",
    "stats": "heapswap.runtime.stats.snapshot",
}
"""public name → module that holds it, imported when the name is first used (PEP 562)"""

_FOR_RESULTS = {"Result": "heapswap.report.result", "load": "heapswap.report.result"}
"""public too, but not what ``import *`` brings: reading results takes NumPy and SciPy, which a service does without"""


def __getattr__(name: str) -> object:
    if name not in _HOMES and name not in _FOR_RESULTS and name != "prometheus":
        raise AttributeError(f"module 'heapswap' has no attribute '{name}'")
    from importlib import import_module  # noqa: PLC0415 - the command line and other names do without

    if name == "prometheus":
        # A module, and public as such; not among the names, because it needs what the extra of that name installs.
        return import_module("heapswap.prometheus")
    value: object = getattr(import_module((_HOMES | _FOR_RESULTS)[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_FOR_RESULTS})
