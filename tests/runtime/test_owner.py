"""Whose malloc this process calls, also from a program that names an address of its own for it."""

import os
import subprocess
from pathlib import Path

import pytest

from heapswap import native
from heapswap.runtime.owner import malloc_owner

SOURCES = str(Path(native.__file__).parents[1])


def test_without_a_preload_it_is_the_c_library() -> None:
    assert Path(malloc_owner()).name == "libc.so.6"


@pytest.mark.parametrize("preload", ["", "mimalloc"])
def test_a_program_that_is_not_position_independent_is_seen_through(preload: str) -> None:
    """Debian 12's Python is such a program: the address it has for malloc is inside itself."""
    if not Path("/usr/bin/python3").exists():
        pytest.fail("the distribution's Python is not installed: `apt-get install python3`")
    library = str(native.bundled(preload)) if preload else ""
    done = subprocess.run(
        ["/usr/bin/python3", "-c", "from heapswap.runtime.owner import malloc_owner; print(malloc_owner())"],
        env={**os.environ, "PYTHONPATH": SOURCES, "LD_PRELOAD": library},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith(library or "/libc.so.6")
