"""A copy of a workspace in which it is built, so that nothing is ever written into the user's own tree.

It is kept under the user's cache folder. What cargo builds is kept there for all projects together: the allocators, of
which jemalloc takes minutes, are built once.
"""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from heapswap.cargo import shadow
from heapswap.errors import CannotGoOn

_LEFT_OUT = frozenset(("node_modules",))
"""folders that no build of Rust reads"""
_LINKED = frozenset((".git",))
"""read by build scripts that want a version, and too large to copy"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """One workspace's copy, and where it is built."""

    base: Path
    """folder below which the copy has the path that the workspace really has"""
    target: Path
    """what cargo built"""

    def at(self, path: Path) -> Path:
        """Where a file of the workspace is in the copy."""
        return shadow.at(self.base, path)

    def write(self, path: Path, data: bytes | None) -> None:
        """Give a file of the copy another content, or remove it."""
        if data is None:
            self.at(path).unlink(missing_ok=True)
        else:
            shadow.write(self.base, path, data)


@contextlib.contextmanager
def scratch(root: Path, built: Path, environ: Mapping[str, str]) -> Iterator[Scratch]:
    """A fresh copy of the workspace at `root`, for as long as nobody else builds in it.

    Args:
        built: the workspace's own target folder, which is left out.

    Raises:
        CannotGoOn: another heapswap builds at this moment, or the folder cannot be written.
    """
    folder = _cache(environ)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            base = folder / _name(root)
            shutil.rmtree(base, ignore_errors=True)
            _copy(root, shadow.place(root, base), (built, _inside(root, folder)))
            yield Scratch(base=base, target=folder / "target")
    except BlockingIOError:
        raise CannotGoOn("another heapswap builds at this moment; try again when it is done") from None
    except shutil.Error as error:
        raise CannotGoOn(f"{root} cannot be copied to {folder}: {error.args[0][0][2]}; make room, or mend it") from None
    except OSError as error:
        raise CannotGoOn(
            f"{root} cannot be copied to {folder}: {error.strerror}; make room, or set XDG_CACHE_HOME"
        ) from None


def _cache(environ: Mapping[str, str]) -> Path:
    try:
        cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        raise CannotGoOn("this user has no home folder to build in; set XDG_CACHE_HOME") from None
    return cache.absolute() / "heapswap" / "cargo"


def _name(root: Path) -> str:
    name = re.sub(r"[^\w.-]+", "_", root.name, flags=re.ASCII)[:40]
    return f"{name}-{sha256(os.fsencode(root)).hexdigest()[:16]}"


def _inside(root: Path, folder: Path) -> Path:
    """Where the cache would be met on the way through a workspace that it lies in, as a home folder's may."""
    real, home = folder.resolve(), root.resolve()
    return root / real.relative_to(home) if real.is_relative_to(home) else folder


def _copy(root: Path, place: Path, hidden: Collection[Path]) -> None:
    """Times of files are kept, so that cargo builds only what changed."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        links = [name for name in names if name in _LINKED and here == root]
        for name in links:
            (place / name).symlink_to(root / name)
        return {name for name in names if name in _LEFT_OUT or here / name in hidden or name in links}

    shutil.copytree(root, place, symlinks=True, dirs_exist_ok=True, ignore=left_out)
