"""What the heap libraries hold: entry points of their own, nothing of malloc, no want that a late library has."""

import functools
import operator
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from tests.native.support import library
from tests.native.test_features import check
from tests.native.test_libraries import exported, needed

HEAPS = ("heap_mimalloc", "heap_mimalloc_secure", "heap_jemalloc", "heap_snmalloc", "heap_system")
NAMES = ("start", "alloc", "alloc_zeroed", "realloc", "dealloc", "usable_size", "owns", "allocated", "active")
STATIC_TLS = 0x10
"""DF_STATIC_TLS: thread-local storage from the space that is set aside when the process starts"""
NODELETE = 0x8
"""DF_1_NODELETE"""


def flags(path: Path, kind: str) -> int:
    """All bits of one kind of flags."""
    with path.open("rb") as file:
        dynamic = ELFFile(file).get_section_by_name(".dynamic")
        assert isinstance(dynamic, DynamicSection)
        return functools.reduce(operator.or_, (tag["d_val"] for tag in dynamic.iter_tags(kind)), 0)


@pytest.mark.parametrize("name", HEAPS)
def test_no_name_of_the_malloc_family_is_exported(name: str) -> None:
    numpy = {f"heapswap_numpy_{function}" for function in ("malloc", "calloc", "realloc", "free")}
    assert exported(library(name)) == numpy | {f"heapswap_heap_{function}" for function in NAMES}


@pytest.mark.parametrize("name", HEAPS)
def test_only_the_c_library_is_loaded_with_it(name: str) -> None:
    assert set(needed(library(name))) <= {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


@pytest.mark.parametrize("name", HEAPS)
def test_thread_local_storage_fits_a_process_that_runs(name: str) -> None:
    with library(name).open("rb") as file:
        size = sum(segment["p_memsz"] for segment in ELFFile(file).iter_segments() if segment["p_type"] == "PT_TLS")
    assert size <= 64 or not flags(library(name), "DT_FLAGS") & STATIC_TLS, f"{size} bytes"


@pytest.mark.parametrize("name", HEAPS)
def test_it_is_never_unloaded(name: str) -> None:
    assert flags(library(name), "DT_FLAGS_1") & NODELETE


@pytest.mark.parametrize("features", ["mimalloc,mimalloc-secure", "jemalloc,system"])
def test_two_allocators_at_once_are_refused(features: str) -> None:
    first, _ = features.split(",")
    done = check(features, package="heapswap-heaps")
    assert done.returncode != 0
    assert f"`cargo build --release -p heapswap-heaps --features {first}`" in done.stderr
