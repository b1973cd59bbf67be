"""Python packages that bring an allocator of their own: malloc, and therefore a swap, does not reach them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from heapswap import elf
from heapswap.elf import NotElf
from heapswap.findings import Finding, Level
from heapswap.inspection.case import Case
from heapswap.inspection.files import is_file, is_folder
from heapswap.inspection.identity import Identity, identify
from heapswap.inspection.python import package_folders
from heapswap.values import value


@value
class Wheel:
    """One package known to bring an allocator, and where in it."""

    name: str
    objects: str
    """pattern of the files, below the package folder"""
    family: str
    knob: str
    """how its allocator is steered; empty: not known"""


_RUST = "_RJEM_MALLOC_CONF=dirty_decay_ms:…"
WHEELS = (
    Wheel(name="polars", objects="_polars_runtime*/*.so", family="jemalloc", knob=_RUST),
    Wheel(name="polars", objects="polars/polars*.so", family="jemalloc", knob=_RUST),
    Wheel(
        name="pyarrow",
        objects="pyarrow/libarrow.so.*",
        family="mimalloc",
        knob="ARROW_DEFAULT_MEMORY_POOL=system makes it use malloc",
    ),
    Wheel(name="deltalake", objects="deltalake/_internal*.so", family="jemalloc", knob=_RUST),
    Wheel(name="duckdb", objects="_duckdb*.so", family="jemalloc", knob="DUCKDB_JE_MALLOC_CONF"),
    Wheel(name="catboost", objects="catboost/_catboost*.so", family="mimalloc", knob=""),
    Wheel(name="tokenizers", objects="tokenizers/tokenizers*.so", family="mimalloc", knob="MIMALLOC_…"),
    Wheel(name="granian", objects="granian/_granian*.so", family="mimalloc", knob="MIMALLOC_…"),
    Wheel(name="pyreqwest", objects="pyreqwest/_pyreqwest*.so", family="mimalloc", knob="MIMALLOC_…"),
    Wheel(name="chdb", objects="chdb/_chdb*.so", family="jemalloc", knob=""),
)
_LARGE = 16 << 20
"""bytes; reading the symbols of a larger file before every start takes too long, and the table's word is taken"""


def bundled(path: Path) -> tuple[Identity, ...]:
    """The allocators inside one library of a package."""
    try:
        return tuple(one for one in identify(elf.read(path)) if not one.answers_malloc)
    except (NotElf, OSError):
        return ()


def installed(folders: Sequence[Path]) -> Iterator[tuple[Wheel, Path]]:
    """The known packages in these folders, with the file that holds the allocator. Looks at names only."""
    for folder in folders:
        for wheel in WHEELS:
            package = wheel.objects.partition("/")[0]
            if "*" not in package and not is_folder(folder / package):
                continue
            found = next((path for path in sorted(folder.glob(wheel.objects)) if is_file(path)), None)
            if found is not None:
                yield wheel, found


def _wheels(case: Case) -> Iterator[Finding]:
    python = case.program.python
    if python is None or case.library is None:
        return
    for wheel, path in installed(package_folders(case.program.path, python, case.environ)):
        family = wheel.family
        if path.stat().st_size <= _LARGE:
            found = bundled(path)
            if not found:
                continue
            family = found[0].family
        yield Finding(
            code="wheel-allocator",
            level=Level.NOTE,
            seen=f"{wheel.name} is installed and brings its own {family}: where it is used, its blocks bypass malloc",
            remedy=f"its own knob: {wheel.knob}" if wheel.knob else "no swap reaches it; it has no knob that is known",
        )


CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (_wheels,)
