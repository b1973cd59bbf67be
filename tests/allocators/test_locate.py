import os
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from heapswap import elf, native
from heapswap.allocators import jemalloc, locate, mimalloc, tcmalloc
from heapswap.allocators.model import Allocator, Candidate, Library, Origin
from heapswap.errors import CannotGoOn, Misuse
from tests.inspection.programs import MALLOC
from tests.inspection.programs import library as built


def library(version: str, *features: str) -> Library:
    return Library(
        family="mimalloc", path=f"/{version}.so", version=version, origin=Origin.BUNDLED, features=tuple(features)
    )


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three builds of mimalloc, the newest first."""
    present = (library("3.3.2"), library("2.3.2"), library("3.3.2", "secure"))
    monkeypatch.setattr(locate, "libraries", lambda _: iter(present))


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("candidate", "version", "features"),
    [
        (Candidate(library="mimalloc"), "3.3.2", ()),
        (Candidate(library="mimalloc", version="2"), "2.3.2", ()),
        (Candidate(library="mimalloc", version="2.3.2"), "2.3.2", ()),
        (Candidate(library="mimalloc", features=("secure",)), "3.3.2", ("secure",)),
    ],
)
def test_the_first_that_fits_is_taken(candidate: Candidate, version: str, features: tuple[str, ...]) -> None:
    found = locate.find(mimalloc.FAMILY, candidate)
    assert (found.version, found.features) == (version, features)


@pytest.mark.usefixtures("three")
def test_another_version_names_those_that_are_here() -> None:
    with pytest.raises(CannotGoOn, match=r"no mimalloc@9 here: there is mimalloc 3\.3\.2, mimalloc 2\.3\.2"):
        locate.find(mimalloc.FAMILY, Candidate(library="mimalloc", version="9"))


def test_a_line_that_was_not_built_comes_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "libraries", lambda _: iter((library("2.0"),)))
    with pytest.raises(CannotGoOn, match="no mimalloc@3 here; it was not built: with a C compiler present"):
        locate.find(mimalloc.FAMILY, Candidate(library="mimalloc", version="3"))


def test_an_unknown_feature_is_misuse() -> None:
    with pytest.raises(Misuse, match="mimalloc has no feature 'secured'; did you mean secure"):
        locate.find(mimalloc.FAMILY, Candidate(library="mimalloc", features=("secured",)))


def test_what_is_missing_comes_with_the_command_that_adds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "libraries", lambda _: iter(()))
    with pytest.raises(CannotGoOn, match="no tcmalloc here; run 'apt-get install libtcmalloc-minimal4'"):
        locate.find(tcmalloc.FAMILY, Candidate(library="tcmalloc"))
    with pytest.raises(CannotGoOn, match=r"no tcmalloc\+full here; run 'apt-get install libgoogle-perftools4'"):
        locate.find(tcmalloc.FAMILY, Candidate(library="tcmalloc", features=("full",)))
    with pytest.raises(CannotGoOn, match=r"no mimalloc\+secure here; it was not built: with a C compiler present"):
        locate.find(mimalloc.FAMILY, Candidate(library="mimalloc", features=("secure",)))


def test_a_path_that_is_no_allocator_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.so"
    text.write_text("no library")
    with pytest.raises(CannotGoOn, match=r"does not exist; 'heapswap allocators' lists"):
        locate.at(str(tmp_path / "absent.so"))
    with pytest.raises(CannotGoOn, match="give a shared library"):
        locate.at(str(text))


def test_a_bundled_library_is_found_without_a_look_at_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked(*_: object) -> None:
        raise AssertionError("the system was searched")

    monkeypatch.setattr(locate, "_cached", looked)
    monkeypatch.setattr(locate, "_folders", looked)
    monkeypatch.setattr(native, "bundled", lambda name: Path(f"/bundled/{name}.so"))
    monkeypatch.setattr(
        locate, "_library", lambda path, *_: replace(library("3.3.2"), path=path, machine=locate.machine())
    )
    assert locate.find(mimalloc.FAMILY, Candidate(library="mimalloc")).path == "/bundled/mimalloc.so"


def cache(*entries: tuple[str, str]) -> bytes:
    """A loader's cache as ldconfig writes it."""
    start = 48 + 24 * len(entries)
    strings, rows = b"", b""
    for name, path in entries:
        at = start + len(strings)
        strings += name.encode() + b"\0" + path.encode() + b"\0"
        rows += struct.pack("=iIIIQ", 0x303, at, at + len(name) + 1, 0, 0)
    header = b"glibc-ld.so.cache1.1" + struct.pack("=II", len(entries), len(strings)) + bytes(20)
    return header + rows + strings


ENTRIES = (("libjemalloc.so.2", "/usr/lib/libjemalloc.so.2"), ("libz.so.1", "/lib/libz.so.1"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (cache(*ENTRIES), ENTRIES),
        (b"ld.so-1.7.0\0the old form comes first" + cache(*ENTRIES), ENTRIES),
        (cache(), ()),
        (b"", ()),
        (b"ld.so-1.7.0\0the old form alone", ()),
        (cache(*ENTRIES)[:70], ()),
    ],
)
def test_the_loaders_cache_is_read(
    content: bytes, expected: tuple[tuple[str, str], ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ld.so.cache"
    file.write_bytes(content)
    monkeypatch.setattr(locate, "_CACHE", file)
    locate._cached.cache_clear()
    assert locate._cached() == expected
    locate._cached.cache_clear()


def test_a_machine_without_a_cache_is_searched_by_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("libjemalloc.so.2", "libjemalloc.so", "libjemalloc_pic.a", "libjemallocx.so.1"):
        (tmp_path / name).touch()
    monkeypatch.setattr(locate, "_cached", lambda: ())
    monkeypatch.setattr(locate, "_folders", lambda: (str(tmp_path), "/does/not/exist"))
    found = list(locate._installed(jemalloc.FAMILY.sonames[0]))
    assert found == [f"{tmp_path}/libjemalloc.so", f"{tmp_path}/libjemalloc.so.2"]


def test_conda_is_searched_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda")
    assert "/opt/conda/lib" in locate._folders()
    monkeypatch.delenv("CONDA_PREFIX")
    assert not any("conda" in folder for folder in locate._folders())


@pytest.mark.parametrize(
    ("name", "content", "family", "version"),
    [
        ("libjemalloc.so.2", b"x\x005.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c\0", jemalloc.FAMILY, "5.3.0"),
        ("libtcmalloc_minimal.so.4.5.10", b"x\0gperftools 2.10\0", tcmalloc.FAMILY, "2.10"),
        ("libtcmalloc_minimal.so.4.5.18", b"x\0gperftools 2.16.1\0", tcmalloc.FAMILY, "2.16.1"),
        ("libmimalloc.so.2.0", b"x", mimalloc.FAMILY, "2.0"),
        ("libmimalloc.so", b"x", mimalloc.FAMILY, ""),
    ],
)
def test_a_version_is_told_from_the_file(
    name: str, content: bytes, family: Allocator, version: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert locate._version(family, str(file), {}) == version


def test_what_a_bundled_library_says_of_itself_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"family=jemalloc;version=5.3.1;features=stats;lg_page=16\0"
    monkeypatch.setattr(elf, "section", lambda _, name: content if name == locate.MARKER else None)
    marks = locate._marks(str(tmp_path))
    assert locate._version(jemalloc.FAMILY, "/libjemalloc.so.9", marks) == "5.3.1"


@pytest.mark.parametrize(
    ("machine", "family", "alignment", "said", "page"),
    [
        ("x86_64", jemalloc.FAMILY, 4096, "", 4096),
        ("x86_64", mimalloc.FAMILY, 4096, "", 0),
        ("aarch64", jemalloc.FAMILY, 65536, "16", 65536),
        ("aarch64", jemalloc.FAMILY, 65536, "12", 4096),
        # A library that could not even be mapped, whatever its allocator supports.
        ("aarch64", jemalloc.FAMILY, 4096, "16", 4096),
        ("aarch64", mimalloc.FAMILY, 16384, "", 16384),
    ],
)
def test_the_largest_page_is_that_of_allocator_and_segments(
    machine: str, family: Allocator, alignment: int, said: str, page: int
) -> None:
    header = replace(elf.read(sys.executable), machine=machine, alignment=alignment)
    assert locate._page(family, header, {"lg_page": said} if said else {}) == page


def test_a_library_for_another_machine_is_refused(tmp_path: Path) -> None:
    foreign = bytearray(built(tmp_path, "libmine.so", MALLOC).read_bytes())
    foreign[18:20] = (22).to_bytes(2, "little")
    path = tmp_path / "libforeign.so"
    path.write_bytes(foreign)
    with pytest.raises(CannotGoOn, match=rf"is for s390x, and this machine is {os.uname().machine}"):
        locate.at(str(path))


def test_a_preload_is_looked_for_as_the_loader_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    libc = next(path for name, path in locate._cached() if name == "libc.so.6")
    (tmp_path / "libmine.so").symlink_to(libc)
    monkeypatch.setattr(locate, "_folders", lambda: ())
    assert locate.resolve("libmine.so", {"LD_LIBRARY_PATH": f"/absent:{tmp_path}"}) == f"{tmp_path}/libmine.so"
    assert locate.resolve("libmine.so", {}) is None
    assert locate.resolve(f"{tmp_path}/libmine.so", {}) == f"{tmp_path}/libmine.so"
    assert locate.resolve(f"{tmp_path}/absent.so", {}) is None
    assert locate.preloaded(f"{tmp_path}/absent.so", {}) is None
