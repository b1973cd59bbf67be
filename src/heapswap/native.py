"""Where the compiled parts of this installation are. The only place that knows their file names."""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from heapswap.errors import CannotGoOn

FOLDER = Path(__file__).parent / "_native"


def bundled(name: str) -> Path | None:
    """The bundled library called `name` (``mimalloc``, ``mimalloc_v2``, …), or None if it was not built."""
    for suffix in (*EXTENSION_SUFFIXES, ".so"):
        path = FOLDER / f"{name}{suffix}"
        if path.is_file():
            return path
    return None


def required(name: str) -> Path:
    """A library that every installation has (``witness``, ``scope``).

    Raises:
        CannotGoOn: it is absent, so the installation is damaged.
    """
    path = bundled(name)
    if path is None:
        raise CannotGoOn(f"{FOLDER} lacks the library '{name}'; install heapswap again")
    return path


def preloadable(name: str) -> str:
    """The path of a required library, to stand in LD_PRELOAD.

    Raises:
        CannotGoOn: it is absent, or where the dynamic loader would take a character of its path for a separator.
    """
    path = str(required(name))
    if any(character.isspace() or character == ":" for character in path):
        raise CannotGoOn(f"'{path}' holds a space or a colon and cannot be preloaded; install heapswap elsewhere")
    return path


def observes(path: str) -> bool:
    """Whether this file is heapswap's probe or recorder, which define malloc and pass every call on."""
    return any(f"/heapswap/_native/{name}." in path for name in ("probe", "recorder"))


def launcher() -> Path:
    """The program that spawns and watches everything that is measured.

    Raises:
        CannotGoOn: it is absent, so the installation is damaged.
    """
    return _program("heapswap-launch")


def conformer() -> Path:
    """The program that asks a malloc the questions of `heapswap conform`.

    Raises:
        CannotGoOn: it is absent, so the installation is damaged.
    """
    return _program("heapswap-conform")


def replayer() -> Path:
    """The program that plays a recorded program's allocations.

    Raises:
        CannotGoOn: it is absent, so the installation is damaged.
    """
    return _program("heapswap-replay")


def symboliser() -> Path:
    """The program that gives names to the stacks that the probe copied.

    Raises:
        CannotGoOn: it is absent, so the installation is damaged.
    """
    return _program("heapswap-symbolise")


def tracer() -> Path:
    """The program that writes, finishes and reads traces.

    Raises:
        CannotGoOn: it is absent, so the installation is damaged.
    """
    return _program("heapswap-trace")


def _program(name: str) -> Path:
    path = FOLDER / name
    if not path.is_file():
        raise CannotGoOn(f"{path} is missing; install heapswap again")
    return path
