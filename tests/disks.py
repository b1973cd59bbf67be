"""A file system that is soon full."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def on_small_disk(disk: Path, size: str = "64k") -> list[str]:
    """The words before a command that sees a file system of this size at `disk`; nobody else does.

    Skips the test, with the reason, where no file system can be mounted.
    """
    disk.mkdir()
    alone = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    words = ["unshare", *alone, "sh", "-c", f'mount -t tmpfs -o size={size} none "$0" && exec "$@"', str(disk)]
    if shutil.which("unshare") is None:
        pytest.skip("no file system can be mounted: apt-get install util-linux")
    tried = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.strip()}")
    return words
