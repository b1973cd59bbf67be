"""What executing a file adds to a user's rights: the dynamic loader then ignores what is preloaded."""

import errno
import os
import stat
from pathlib import Path


def privileges(path: str) -> str:
    """What execution would add to this user's rights, as the kernel decides it for AT_SECURE; empty for nothing."""
    try:
        status = Path(path).stat()
        if os.statvfs(path).f_flag & os.ST_NOSUID:
            return ""
    except OSError:
        return ""
    if status.st_mode & stat.S_ISUID and status.st_uid != os.getuid():
        return f"is set-uid (user {status.st_uid})"
    # Without the execute bit for the group it once meant mandatory locking.
    if status.st_mode & stat.S_ISGID and status.st_mode & stat.S_IXGRP and status.st_gid != os.getgid():
        return f"is set-gid (group {status.st_gid})"
    if os.getuid() != 0 and _has_capabilities(path):
        return "has file capabilities"
    return ""


def _has_capabilities(path: str) -> bool:
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.ENOTSUP, errno.EPERM, errno.EACCES):
            raise
        return False
