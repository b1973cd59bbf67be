"""elf: compared with pyelftools on real files, and kept from crashing on damaged ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap import elf
from heapswap.elf import Kind, NotElf
from tests.inspection.programs import build, library

TRIVIAL = "int main(void) { return 0; }\n"
LIBRARY = "int answer(void) { return 42; }\nextern int question(int);\nint both(void) { return question(answer()); }\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elf")


@pytest.fixture(scope="module")
def small(folder: Path) -> Path:
    return library(folder, "libsmall.so", LIBRARY, "-nostdlib", "-Wl,-soname,libsmall.so.7", "-Wl,-rpath,$ORIGIN/a:/b")


def c_library() -> str:
    """The C library that this very process runs on."""
    words = Path("/proc/self/maps").read_text().split()
    return next(word for word in words if "/libc.so" in word or "/libc-" in word)


def real_file(name: str) -> str:
    return {"python": os.path.realpath(sys.executable), "libc": c_library()}.get(name, f"/bin/{name}")


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


def test_library(small: Path) -> None:
    image = elf.read(small)
    assert (image.kind, image.soname, image.interpreter) == (Kind.LIBRARY, "libsmall.so.7", "")
    assert image.runpath == ("$ORIGIN/a", "/b")
    assert image.machine == os.uname().machine
    assert image.bits == 64
    assert elf.exported(small, ("answer", "question", "both", "answe")) == {"answer", "both"}
    assert elf.imported(small, ("answer", "question")) == {"question"}


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
    image = elf.read(c_library())
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


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x09\x09" + b"\0" * 60])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotElf):
        elf.read(path)


def test_object_files_are_neither(folder: Path) -> None:
    with pytest.raises(NotElf, match="object or core file"):
        elf.read(build(folder, "object.o", TRIVIAL, "-c"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotElf):
        elf.read(tmp_path / "pipe")


def test_missing_files_are_the_callers_affair(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        elf.read(tmp_path / "nothing")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files_are_refused_or_read(
    small: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(small.read_bytes())
    # Most of what decides lies in the headers at the front and in the sections at the end.
    places = st.one_of(st.integers(0, 1024), st.integers(0, len(content) - 1))
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        content[min(at, len(content) - 1)] = value
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(bytes(content[:cut]))
    for question in (
        lambda: elf.read(path),
        lambda: elf.exported(path, ("answer", "nothing")),
        lambda: elf.imported(path, ("question",)),
        lambda: elf.defined(path, ("both",)),
        lambda: elf.section(path, ".text"),
        lambda: elf.strings(path, "a"),
    ):
        try:
            question()
        except NotElf as error:
            assert str(path) in str(error)  # noqa: PT017 - either answer is right, a crash is not
