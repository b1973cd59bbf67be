"""Rust's programs: where they are, and what they print."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from heapswap.errors import CannotGoOn


def found(name: str, environ: Mapping[str, str]) -> str:
    """The `cargo` or `rustc` to call: the one that ``CARGO`` or ``RUSTC`` names, or the first in PATH.

    Raises:
        CannotGoOn: there is none.
    """
    variable = name.upper()
    path = environ.get(variable) or shutil.which(name, path=environ.get("PATH", os.defpath))
    if not path:
        raise CannotGoOn(
            f"{name} was not found in PATH; install Rust (https://rustup.rs), or set {variable} to its path"
        )
    return path


def ran(words: Sequence[str], environ: Mapping[str, str], directory: Path) -> "subprocess.CompletedProcess[str]":
    """How a quick command ended, and what it printed.

    Raises:
        CannotGoOn: it cannot be started.
    """
    try:
        return subprocess.run(
            words,
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise CannotGoOn(f"{words[0]} cannot be started: {error.strerror}; check the installation of Rust") from None
