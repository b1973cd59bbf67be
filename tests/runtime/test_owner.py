"""Whose malloc this process calls, also from a program that names an address of its own for it."""

import os
import subprocess
import sys
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


@pytest.mark.parametrize("allocator", ["", "jemalloc"])
def test_the_probe_is_seen_through(allocator: str) -> None:
    behind = str(native.bundled(allocator)) if allocator else ""
    program = """
import heapswap
from heapswap.runtime.owner import malloc_owner
taken = heapswap.stats()
print(malloc_owner(), taken.allocator, taken.allocated > 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "LD_PRELOAD": f"{native.required('probe')}:{native.required('witness')}:{behind}"},
        capture_output=True,
        text=True,
        check=True,
    )
    owner, family, counted = done.stdout.split()
    assert owner.endswith(behind or "/libc.so.6")
    assert (family, counted) == (allocator or "glibc", "True")


def test_a_program_that_declares_its_allocator_runs_under_the_probe(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import heapswap\nheapswap.global_allocator('mimalloc')\nprint(heapswap.stats().allocator)\n")
    environ = {**os.environ, "LD_PRELOAD": str(native.required("probe"))}
    done = subprocess.run([sys.executable, str(program)], env=environ, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("mimalloc\n", "")
