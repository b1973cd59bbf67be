"""What lies at a path, where a folder on the way may be closed to this user: then it is as good as not there."""

import stat
from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether a regular file, or a link to one, can be seen there."""
    return stat.S_ISREG(_mode(path))


def is_folder(path: Path) -> bool:
    """Whether a folder, or a link to one, can be seen there."""
    return stat.S_ISDIR(_mode(path))


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0
