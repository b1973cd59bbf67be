"""The page's Python runs as it stands, in one process from top to bottom, and leaves standard error alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heapswap import native
from tests.docs.pages import examples


@pytest.mark.parametrize("allocator", ["", "jemalloc", "mimalloc"])
def test_the_examples_run(allocator: str, tmp_path: Path) -> None:
    program = "\n".join(example.text for example in examples("statistics-at-run-time.md", "python"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "LD_PRELOAD": str(native.bundled(allocator) or "") if allocator else ""},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0].split()[0] == (allocator or "glibc")
    assert ("glibc does not count pages" in lines) == (not allocator)
    assert done.stderr == ""
