"""What the library files hold: the malloc family, their statistics, nothing else, and a true word about themselves."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tests.native.support import ALLOCATORS, ROOT, library, preloading

FAMILY = {
    "malloc",
    "free",
    "calloc",
    "realloc",
    "reallocarray",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "malloc_usable_size",
    "cfree",
    "free_sized",
    "free_aligned_sized",
}
CONTROL = {
    "jemalloc": {"heapswap_mallctl", "heapswap_mallctlnametomib", "heapswap_mallctlbymib"},
    "mimalloc": {"heapswap_mi_version", "heapswap_mi_collect", "heapswap_mi_process_info"},
    "snmalloc": {"heapswap_sn_rust_statistics"},
}
"""By family: what `heapswap.stats` and `heapswap.release` call."""
MARKER = ".heapswap.allocator"


def exported(path: Path) -> set[str]:
    with path.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".dynsym")
        assert isinstance(symbols, SymbolTableSection)
        return {symbol.name for symbol in symbols.iter_symbols() if symbol["st_shndx"] != "SHN_UNDEF"}


def needed(path: Path) -> list[str]:
    with path.open("rb") as file:
        dynamic = ELFFile(file).get_section_by_name(".dynamic")
        assert isinstance(dynamic, DynamicSection)
        return [str(vars(tag)["needed"]) for tag in dynamic.iter_tags("DT_NEEDED")]


def marker(name: str) -> dict[str, str]:
    with library(name).open("rb") as file:
        section = ELFFile(file).get_section_by_name(MARKER)
        assert section is not None
        content = section.data()
    assert content.endswith(b"\0")
    return dict(pair.split("=") for pair in content[:-1].decode().split(";"))


def said(name: str, **variables: str) -> str:
    """What a library tells of itself when a program is run with it."""
    done = subprocess.run(["/bin/true"], env=preloading(name, **variables), capture_output=True, text=True, check=True)
    return done.stderr


@pytest.mark.parametrize("name", ALLOCATORS)
def test_the_whole_family_and_nothing_else_is_exported(name: str) -> None:
    control = CONTROL[name.partition("_")[0]]
    assert exported(library(name)) == FAMILY | {"heapswap_allocator"} | control


@pytest.mark.parametrize("name", ["witness"])
def test_the_witness_exports_nothing(name: str) -> None:
    assert exported(library(name)) == set()


@pytest.mark.parametrize("name", [*ALLOCATORS, "witness"])
def test_only_the_c_library_is_loaded_with_it(name: str) -> None:
    assert needed(library(name)) in (["libc.so.6"], ["libc.so"])


@pytest.mark.parametrize(
    ("name", "family", "features"),
    [
        ("mimalloc", "mimalloc", None),
        ("mimalloc_v2", "mimalloc", None),
        ("mimalloc_secure", "mimalloc", "secure"),
        ("jemalloc", "jemalloc", "stats"),
        ("snmalloc", "snmalloc", None),
    ],
)
def test_marker_names_family_and_features(name: str, family: str, features: str | None) -> None:
    marks = marker(name)
    assert marks["family"] == family
    assert marks.get("features") == features


@pytest.mark.parametrize(("name", "major"), [("mimalloc", "3"), ("mimalloc_v2", "2"), ("mimalloc_secure", "3")])
def test_version_of_mimalloc_is_what_it_says_itself(name: str, major: str) -> None:
    version = marker(name)["version"]
    assert version.startswith(f"{major}.")
    assert re.search(rf"\bv{re.escape(version)}\b", said(name, MIMALLOC_VERBOSE="1"))


@pytest.mark.parametrize(("name", "level"), [("mimalloc", "0"), ("mimalloc_v2", "0"), ("mimalloc_secure", "4")])
def test_hardening_of_mimalloc_is_what_it_says_itself(name: str, level: str) -> None:
    assert re.search(rf"secure level: {level}\b", said(name, MIMALLOC_VERBOSE="1"))


def test_version_and_page_size_of_jemalloc_are_what_it_says_itself() -> None:
    marks, report = marker("jemalloc"), said("jemalloc", _RJEM_MALLOC_CONF="stats_print:true")
    assert f'Version: "{marks["version"]}-' in report
    assert f"Page size: {1 << int(marks['lg_page'])}\n" in report


def test_jemalloc_has_statistics_and_can_run_background_threads() -> None:
    report = said("jemalloc", _RJEM_MALLOC_CONF="stats_print:true,background_thread:true")
    assert "opt.background_thread: true" in report
    assert re.search(r"Allocated: [1-9]\d*, active: [1-9]\d*", report)


def test_version_of_snmalloc_is_the_pinned_one() -> None:
    manifest = tomllib.loads((ROOT / "native/allocators/Cargo.toml").read_text())
    assert manifest["dependencies"]["snmalloc-sys"]["version"] == f"={marker('snmalloc')['version']}"


def test_every_allocator_is_pinned_exactly() -> None:
    manifest = tomllib.loads((ROOT / "native/allocators/Cargo.toml").read_text())
    versions = [entry["version"] for entry in manifest["dependencies"].values()]
    assert versions
    assert all(re.fullmatch(r"=\d+\.\d+\.\d+", version) for version in versions)


def test_jemalloc_for_aarch64_is_built_for_the_largest_pages() -> None:
    variables = tomllib.loads((ROOT / ".cargo/config.toml").read_text())["env"]
    assert variables["AARCH64_UNKNOWN_LINUX_GNU_JEMALLOC_SYS_WITH_LG_PAGE"] == "16"


def test_snmalloc_is_built_without_its_assertions() -> None:
    assert b"assert fail" not in library("snmalloc").read_bytes()
