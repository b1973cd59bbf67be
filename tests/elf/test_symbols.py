"""Symbols: compared with pyelftools on real files, and under every form of hash table."""

import subprocess
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection

from heapswap import elf
from tests.elf.samples import LIBRARY, real_file
from tests.inspection.programs import library


@pytest.mark.parametrize("name", ["python", "libc", "bash", "gcc", "ls", "ld"])
def test_agrees_with_pyelftools(name: str) -> None:
    path = real_file(name)
    with Path(path).open("rb") as file:
        oracle = ELFFile(file)
        dynamic = oracle.get_section_by_name(".dynamic")
        dynsym = oracle.get_section_by_name(".dynsym")
        note = oracle.get_section_by_name(".note.gnu.build-id")
        assert isinstance(dynamic, DynamicSection)
        assert isinstance(dynsym, SymbolTableSection)
        tags, symbols = list(dynamic.iter_tags()), list(dynsym.iter_symbols())
        build_id = next(iter(note.iter_notes()))["n_desc"] if isinstance(note, NoteSection) else ""
    image = elf.read(path)
    assert image.needed == tuple(vars(tag)["needed"] for tag in tags if tag.entry.d_tag == "DT_NEEDED")
    assert image.soname == next((vars(tag)["soname"] for tag in tags if tag.entry.d_tag == "DT_SONAME"), "")
    assert image.build_id == build_id
    names = {symbol.name for symbol in symbols if symbol.name} | {"surely_not_there"}
    defined = {s.name for s in symbols if s.name and s["st_shndx"] != "SHN_UNDEF"}
    weak = {s.name for s in symbols if s["st_info"]["bind"] == "STB_WEAK"}
    required = {s.name for s in symbols if s.name and s["st_shndx"] == "SHN_UNDEF"} - weak
    assert elf.exported(path, names) == defined
    assert elf.imported(path, names) == required


@pytest.mark.parametrize("style", ["gnu", "sysv", "both"])
def test_either_hash_table(folder: Path, style: str) -> None:
    path = library(folder, f"lib{style}.so", LIBRARY, "-nostdlib", f"-Wl,--hash-style={style}")
    assert elf.exported(path, ("answer", "question")) == {"answer"}
    assert elf.imported(path, ("answer", "question")) == {"question"}


def test_no_exports_at_all(folder: Path) -> None:
    source = (
        'extern int question(int);\n__attribute__((visibility("hidden"))) int hidden(void) { return question(1); }\n'
    )
    path = library(folder, "libempty.so", source, "-nostdlib", "-Wl,--hash-style=gnu")
    assert elf.exported(path, ("hidden", "question")) == frozenset()
    assert elf.imported(path, ("hidden", "question")) == {"question"}
    assert elf.defined(path, ("hidden", "question")) == {"hidden"}


def test_weak_references_do_not_count(folder: Path) -> None:
    source = "extern int maybe(void) __attribute__((weak));\nint f(void) { return maybe ? maybe() : 0; }\n"
    path = library(folder, "libweak.so", source, "-nostdlib")
    assert elf.imported(path, ("maybe",)) == frozenset()


def test_private_symbols_until_stripped(folder: Path) -> None:
    source = "static int secret(int x) { return x * 3; }\nint (*keep)(int) = secret;\n"
    path = library(folder, "libprivate.so", source, "-nostdlib", "-O0")
    assert elf.defined(path, ("secret", "keep")) == {"secret", "keep"}
    assert elf.exported(path, ("secret", "keep")) == {"keep"}
    subprocess.run(["strip", str(path)], check=True)
    assert elf.defined(path, ("secret", "keep")) == {"keep"}


def test_names_sharing_their_tails(folder: Path) -> None:
    source = "int xmalloc_tail;\nint malloc_tail;\nint tail;\n"
    path = library(folder, "libtails.so", source, "-nostdlib", "-Wl,-O2", "-Wl,--hash-style=sysv")
    assert elf.exported(path, ("tail", "malloc_tail", "oc_tail")) == {"tail", "malloc_tail"}
