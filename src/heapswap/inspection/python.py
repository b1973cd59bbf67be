"""Is a program a Python interpreter, which one, and where are its packages."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from heapswap import elf
from heapswap.elf import Elf, NotElf
from heapswap.inspection.files import is_folder
from heapswap.values import value

_STARTS_PYTHON = ("Py_BytesMain", "Py_Main", "Py_RunMain", "Py_InitializeFromConfig", "Py_InitializeEx")
_SHARED_COUNTS = "_Py_DecRefShared"
"""a function that only builds without the global interpreter lock have"""
_MINOR = re.compile(r"python(\d+\.\d+)(t?)")


@value
class Python:
    """One CPython interpreter."""

    version: str
    """``3.11.7`` or, where only that much can be told, ``3.11``; empty when not even that"""
    free_threaded: bool
    """built without the global interpreter lock"""
    library: str
    """the object that holds the interpreter: the program itself, or its libpython"""
    told_by: str

    @property
    def minor(self) -> tuple[int, int]:
        """``(3, 11)``; ``(0, 0)`` when it cannot be told."""
        numbers = re.findall(r"\d+", self.version)
        return (int(numbers[0]), int(numbers[1])) if len(numbers) > 1 else (0, 0)

    def __str__(self) -> str:
        return f"{self.version}{'t' if self.free_threaded else ''}"

    def offers_mimalloc(self) -> bool:
        """Whether ``PYTHONMALLOC=mimalloc`` exists in this build (from 3.13 on, unless built without)."""
        return elf.mentions(self.library, b"mimalloc_debug\0")


def python_of(program: Elf, find: Callable[[str], str | None]) -> Python | None:
    """The interpreter that `program` is or embeds, or None; `find` gives the file of a library it needs."""
    path = program.path
    try:
        starts = elf.imported(path, _STARTS_PYTHON) | elf.exported(path, _STARTS_PYTHON)
    except (NotElf, OSError):
        return None
    if not starts:
        return None
    library = next((name for name in program.needed if name.startswith("libpython")), "")
    holding = (find(library) if library else None) or path
    found = _MINOR.search(library) or _MINOR.search(Path(os.path.realpath(path)).name)
    minor, suffix = (found[1], found[2]) if found else ("", "")
    return Python(
        version=_exact(holding, minor),
        free_threaded=bool(suffix) or bool(elf.exported(holding, (_SHARED_COUNTS,))),
        library=holding,
        told_by=f"{'needs ' + library if library else 'defines or imports ' + min(starts)}",
    )


def package_folders(path: str, python: Python, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The folders of installed packages for the interpreter at `path`, those of its virtual environment first."""
    return tuple(dict.fromkeys(folder for folder in _candidates(Path(path), python, environ) if is_folder(folder)))


def _candidates(path: Path, python: Python, environ: Mapping[str, str]) -> Iterator[Path]:
    for entry in environ.get("PYTHONPATH", "").split(":"):
        if entry:
            yield Path(entry)
    minor = ".".join(map(str, python.minor))
    name = f"python{minor}{'t' if python.free_threaded else ''}"
    settings = _virtual_environment(path)
    if settings is not None:
        yield path.parent.parent / "lib" / name / "site-packages"
        if settings.get("include-system-site-packages", "false").lower() != "true":
            return
    prefix = Path(os.path.realpath(path)).parent.parent
    yield prefix / "lib" / name / "site-packages"
    # Debian keeps packages beside the standard library.
    yield Path("/usr/local/lib") / name / "dist-packages"
    yield prefix / "lib" / "python3" / "dist-packages"
    if home := environ.get("HOME"):
        yield Path(home) / ".local" / "lib" / name / "site-packages"


def _virtual_environment(path: Path) -> Mapping[str, str] | None:
    """The settings in ``pyvenv.cfg``, or None outside of a virtual environment."""
    for folder in (path.parent, path.parent.parent):
        try:
            lines = (folder / "pyvenv.cfg").read_text().splitlines()
        except OSError:
            continue
        return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    return None


def _exact(library: str, minor: str) -> str:
    """The whole version: the interpreter holds it as a string of its own."""
    start = f"{minor or '3'}."
    found = elf.strings(library, start)
    exact = next((text for text in found if re.fullmatch(r"3\.\d+\.\d+(?:(?:a|b|rc)\d+)?\+?", text)), "")
    return exact or minor
