"""Whose malloc answers, and that another copy of an allocator in the same process is not asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heapswap import native
from heapswap.runtime.stats.answering import UNKNOWN, Answering, answering
from heapswap.runtime.stats.families import of
from heapswap.runtime.stats.model import Detail
from tests.native.support import compiled

PROGRAM = """
import heapswap
taken = heapswap.stats("full")
print(taken.allocator, taken.version, taken.library, taken.process.resident is not None, heapswap.release().how)
"""


def said(interpreter: str = sys.executable, **variables: str) -> str:
    done = subprocess.run(
        [interpreter, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(Path(native.__file__).parents[1]), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_a_second_allocator_in_the_process_is_not_asked() -> None:
    """The library that comes first answers malloc; the functions of the second must not be called."""
    libraries = [str(native.bundled(name)) for name in ("snmalloc", "mimalloc")]
    assert said(LD_PRELOAD=":".join(libraries)).startswith("snmalloc ")
    assert said(LD_PRELOAD=":".join(reversed(libraries))).startswith("mimalloc ")


def test_an_allocator_that_is_only_loaded_is_not_asked() -> None:
    library = native.bundled("mimalloc")
    done = subprocess.run(
        [sys.executable, "-c", f"import ctypes; ctypes.CDLL({str(library)!r}, ctypes.RTLD_GLOBAL)\n{PROGRAM}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("glibc ")
    assert done.stdout.rstrip().endswith("malloc_trim")


def test_a_program_with_an_address_of_its_own_for_malloc_is_seen_through() -> None:
    """Debian 12's Python is not position independent: it names its own table of jumps as the address of malloc."""
    if not Path("/usr/bin/python3").exists():
        pytest.fail("the distribution's Python is not installed: `apt-get install python3`")
    assert said("/usr/bin/python3").startswith("glibc ")


def test_an_allocator_that_nobody_knows_gives_no_figures_and_no_error(tmp_path: Path) -> None:
    library = compiled(Path(__file__).with_name("forwarding.c"), tmp_path, "-shared", "-fPIC")
    answer = said(LD_PRELOAD=str(library))
    assert answer.split()[0] == UNKNOWN
    assert str(library) in answer


def test_without_proc_there_is_nobody_to_ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("heapswap.runtime.owner.MAPS", str(tmp_path / "absent"))
    answering.cache_clear()
    try:
        who = answering()
    finally:
        answering.cache_clear()
    assert who == Answering(family=UNKNOWN, path="")
    heap = of(who).read(who, Detail.FULL)
    assert heap.allocated is None
    assert dict(heap.unknown)["allocated"] == "the allocator is not known"
    assert of(who).release(who) == ""
