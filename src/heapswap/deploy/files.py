"""Single files: read as they are, replaced in one step, with mode, owner and attributes kept.

Whatever happens in between, a path holds its old content or its new content. What an interrupted step can leave is
one file beside it, ``.NAME.heapswap``, which the next step takes over.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from heapswap.errors import CannotGoOn

LARGEST = 64 << 20
"""bytes; nothing that is edited here is as large"""


def content(path: Path) -> bytes | None:
    """The bytes of a regular file; None where there is none.

    Raises:
        CannotGoOn: it is something else, too large, or may not be read.
    """
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise CannotGoOn(f"{path} is a symbolic link to nothing; repair or remove it")
        if not stat.S_ISREG(status.st_mode):
            raise CannotGoOn(f"{path} is not a regular file; give one")
        if status.st_size > LARGEST:
            raise CannotGoOn(f"{path} has {status.st_size >> 20} MiB, which is no file to edit; give another")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CannotGoOn(f"{path} cannot be read: {error.strerror}; nothing was changed") from None


def mode(path: Path) -> int | None:
    """Permission bits of a file; None where there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def refuse_unwritable(path: Path) -> None:
    """Refuse before anything is touched what a later step could not do.

    Raises:
        CannotGoOn: the file is read-only or has other names, or its folder cannot be written.
    """
    folder = next(parent for parent in path.parents if parent.exists())
    if not folder.is_dir():
        raise CannotGoOn(f"{folder} is not a folder, so {path} cannot be made; give another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotGoOn(f"{folder} may not be written by this user; run as its owner, nothing was changed")
    with suppress(FileNotFoundError):
        status = path.stat()
        # Mode bits too: the superuser may write anywhere, and a read-only file is meant to stay as it is.
        if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
            raise CannotGoOn(f"{path} is read-only; chmod u+w it first, nothing was changed")
        if status.st_nlink > 1:
            raise CannotGoOn(
                f"{path} has {status.st_nlink} names (hard links), and replacing it would part them; copy it first"
            )


def replace(path: Path, data: bytes, mode: int) -> None:
    """Put `data` in the place of a file in one step; `mode` is for a file that is new.

    Raises:
        CannotGoOn: it cannot be written, or its owner cannot be kept; the old content stays.
    """
    beside = _beside(path)
    try:
        tidy(path)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            _like(path, descriptor, mode)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
        _settle(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise CannotGoOn(f"{path} cannot be written: {error.strerror}; it holds what it held before") from None


def remove(path: Path) -> None:
    """Remove a file; fine where it is gone.

    Raises:
        CannotGoOn: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
        _settle(path.parent)
    except OSError as error:
        raise CannotGoOn(f"{path} cannot be removed: {error.strerror}; remove it by hand") from None


def tidy(path: Path) -> None:
    """Remove what an interrupted `replace` left beside a file."""
    with suppress(FileNotFoundError, NotADirectoryError):
        _beside(path).unlink()


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.heapswap")


def _like(path: Path, descriptor: int, mode: int) -> None:
    """Give an open file the owner, mode and attributes of the one it replaces."""
    try:
        status = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, mode)
        return
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    # Labels and access lists, each where the file system has it and this user may set it.
    names: list[str] = []
    with suppress(OSError):
        names = os.listxattr(path)
    for name in names:
        with suppress(OSError):
            os.setxattr(descriptor, name, os.getxattr(path, name))


def _settle(folder: Path) -> None:
    """A rename is on the disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
