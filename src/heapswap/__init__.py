"""Profile first, swap the allocator only when the data says so, prove the swap took effect, and keep it true."""

__version__ = "0.1.0"

TYPE_CHECKING = False  # not typing's own: importing heapswap has to cost next to nothing
if TYPE_CHECKING:
    from heapswap.runtime.declaration import global_allocator
    from heapswap.runtime.stats.model import Detail
    from heapswap.runtime.stats.release import release
    from heapswap.runtime.stats.snapshot import stats

__all__ = ["Detail", "global_allocator", "release", "stats"]

_HOMES = {
    "Detail": "heapswap.runtime.stats.model",
    "global_allocator": "heapswap.runtime.declaration",
    "release": "heapswap.runtime.stats.release",
    "stats": "heapswap.runtime.stats.snapshot",
}
"""public name → module that holds it, imported when the name is first used (PEP 562)"""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'heapswap' has no attribute '{name}'")
    from importlib import import_module  # noqa: PLC0415 - the command line and other names do without

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
