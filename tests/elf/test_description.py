"""A file described: kind, libc, loader, search path."""

import os
from pathlib import Path

import pytest

from heapswap import elf
from heapswap.elf import Kind
from tests.elf.samples import LIBRARY, TRIVIAL, real_file
from tests.inspection.programs import build, library


def test_library(small: Path) -> None:
    image = elf.read(small)
    assert (image.kind, image.soname, image.interpreter) == (Kind.LIBRARY, "libsmall.so.7", "")
    assert image.runpath == ("$ORIGIN/a", "/b")
    assert image.machine == os.uname().machine
    assert image.bits == 64
    assert elf.exported(small, ("answer", "question", "both", "answe")) == {"answer", "both"}
    assert elf.imported(small, ("answer", "question")) == {"question"}


@pytest.mark.parametrize(
    ("options", "libc", "interpreter"),
    [
        ((), "glibc", True),
        (("-no-pie",), "glibc", True),
        (("-static",), "static", False),
        (("-static-pie",), "static", False),
    ],
)
def test_executables(folder: Path, options: tuple[str, ...], libc: str, interpreter: bool) -> None:
    path = build(folder, "program" + "".join(options), TRIVIAL, *options)
    image = elf.read(path)
    assert image.kind is Kind.EXECUTABLE
    assert image.libc == libc
    assert bool(image.interpreter) == interpreter


def test_musl(folder: Path) -> None:
    path = build(folder, "musl", TRIVIAL, compiler="musl-gcc", package="musl-tools")
    image = elf.read(path)
    assert (image.kind, image.libc) == (Kind.EXECUTABLE, "musl")
    static = build(folder, "musl-static", TRIVIAL, "-static", compiler="musl-gcc", package="musl-tools")
    assert elf.read(static).libc == "static"


def test_the_c_library_is_a_library_though_it_can_be_started() -> None:
    image = elf.read(real_file("libc"))
    assert (image.kind, image.libc) == (Kind.LIBRARY, "glibc")
    assert image.interpreter


def test_32_bit(folder: Path) -> None:
    if os.uname().machine != "x86_64":
        pytest.fail("gcc builds 32-bit libraries without a C library on x86_64 only")
    path = library(folder, "lib32.so", LIBRARY, "-m32", "-nostdlib", "-Wl,-soname,lib32.so.1")
    image = elf.read(path)
    assert (image.machine, image.bits, image.soname) == ("i386", 32, "lib32.so.1")
    assert elf.exported(path, ("answer", "question")) == {"answer"}
    assert elf.imported(path, ("answer", "question")) == {"question"}
    assert elf.defined(path, ("both",)) == {"both"}
