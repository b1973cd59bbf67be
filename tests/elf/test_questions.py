"""Sections and strings."""

from pathlib import Path

from heapswap import elf
from tests.inspection.programs import library


def test_section_and_text(folder: Path) -> None:
    source = '__attribute__((section(".mine"), used)) const char text[] = "family=x;version=12.5.1";\n'
    path = library(folder, "libsection.so", source, "-nostdlib")
    assert elf.section(path, ".mine") == b"family=x;version=12.5.1\0"
    assert elf.section(path, ".not-there") is None
    assert elf.mentions(path, b"version=12.5")
    assert not elf.mentions(path, b"version=13")


def test_strings(folder: Path) -> None:
    source = 'const char *one(void) { return "3.11.7"; }\nconst char *two(void) { return "v3.12.1rc2"; }\n'
    path = library(folder, "libstrings.so", source, "-nostdlib")
    assert "3.11.7" in elf.strings(path, "3.")
    assert "3.12.1rc2" in elf.strings(path, "3.")
