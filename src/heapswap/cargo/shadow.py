"""A workspace seen at another place, where cargo may write: what is around it is there too, as symbolic links.

So packages outside of the workspace (``path = "../other"``), ``.cargo/config.toml`` and ``rust-toolchain.toml`` of the
folders above it mean what they mean in the place it really has.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LOCK = "Cargo.lock"
BUILT = "target"
"""where cargo builds unless it is told otherwise"""


def place(root: Path, base: Path) -> Path:
    """The empty folder that stands for `root` below `base`, with everything beside and above it linked."""
    shadow = base
    for folder, below in _way(root):
        shadow.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            for entry in os.scandir(folder):
                if entry.name != below:
                    _link(shadow / entry.name, Path(entry.path))
        shadow /= below
    shadow.mkdir(parents=True, exist_ok=True)
    return shadow


def linked(root: Path, base: Path) -> Path:
    """The workspace as links, its Cargo.lock as a copy: enough to resolve it."""
    shadow = place(root, base)
    for entry in root.iterdir():
        if entry.name == LOCK:
            shutil.copyfile(entry, shadow / LOCK)
        elif entry.name != BUILT:
            _link(shadow / entry.name, entry)
    return shadow


def at(base: Path, path: Path) -> Path:
    """Where an absolute path is below `base`."""
    return Path(f"{base}{path}")


def write(base: Path, path: Path, data: bytes) -> None:
    """Put a file at the place that stands for `path`, without going through any link."""
    folder = base
    for name, real in zip(path.parts[1:-1], reversed(path.parents[:-1]), strict=True):
        folder /= name
        if folder.is_symlink():
            folder.unlink()
            folder.mkdir()
            for entry in real.iterdir():
                _link(folder / entry.name, entry)
        folder.mkdir(exist_ok=True)
    file = folder / path.name
    file.unlink(missing_ok=True)
    file.write_bytes(data)


def original(text: str, base: Path) -> str:
    """Text with the paths below `base` as they really are."""
    return text.replace(f"{base}/", "/")


def _way(root: Path) -> Iterator[tuple[Path, str]]:
    """Each folder above `root`, the outermost first, with the name of the one below it."""
    above = tuple(reversed(root.parents))
    for folder, below in zip(above, (*above[1:], root), strict=True):
        yield folder, below.name


def _link(link: Path, target: Path) -> None:
    with suppress(FileExistsError):
        link.symlink_to(target)
