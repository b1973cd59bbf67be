"""The libraries that Debian packages install, found and told for what they are.

Wants the packages libjemalloc2, libmimalloc2.0 and libtcmalloc-minimal4, which ``make test`` installs.
"""

import subprocess
from pathlib import Path

import pytest

from heapswap import native
from heapswap.allocators import locate, registry
from heapswap.allocators.activation import activate
from heapswap.allocators.inventory import take
from heapswap.allocators.model import Library, Origin
from heapswap.allocators.spelling import parse


def system_library(family: str) -> Library:
    found = [library for library in locate.libraries(registry.family(family)) if library.origin is Origin.SYSTEM]
    assert found, f"lib{family} is not installed here; 'make test' installs it"
    return found[0]


def packaged_version(package: str) -> str:
    """The upstream part of a Debian package's version."""
    query = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.partition("-")[0].partition("+")[0]


@pytest.mark.parametrize(
    ("family", "package", "configuration"),
    [
        ("jemalloc", "libjemalloc2", "MALLOC_CONF"),
        ("mimalloc", "libmimalloc2.0", "MIMALLOC_"),
        ("tcmalloc", "libtcmalloc-minimal4", "TCMALLOC_"),
    ],
)
def test_a_packaged_library_is_told_for_what_it_is(family: str, package: str, configuration: str) -> None:
    library = system_library(family)
    assert library.version
    assert packaged_version(package).startswith(library.version)
    assert library.configuration == configuration
    assert library.machine == locate.machine()
    assert library.libc == "glibc"
    assert len(library.build_id) == 40
    assert ".so." in Path(library.path).name


@pytest.mark.parametrize("name", ["mimalloc", "mimalloc_v2", "mimalloc_secure", "jemalloc", "snmalloc"])
def test_a_bundled_library_says_what_it_is(name: str) -> None:
    path = native.bundled(name)
    assert path is not None, f"{name} is not built here"
    given = locate.at(str(path))
    found = next(library for library in locate.libraries(registry.family(given.family)) if library.path == str(path))
    assert found.origin is Origin.BUNDLED
    assert (given.family, given.version, given.features) == (found.family, found.version, found.features)
    assert (given.configuration, given.page_size) == (found.configuration, found.page_size)
    assert found.version.count(".") == 2


def test_every_listed_spelling_selects_the_library_beside_it() -> None:
    for present in take(registry.families()).libraries:
        assert activate(parse(present.spelling)).library == present.library or present.spelling.startswith("/")


@pytest.mark.parametrize("entry", ["libjemalloc.so.2", "libmimalloc.so.2", "libtcmalloc_minimal.so.4"])
def test_a_bare_preload_is_found_where_the_loader_finds_it(entry: str) -> None:
    found = locate.preloaded(entry, {})
    assert found is not None
    code = "import sys; sys.stdout.write(open('/proc/self/maps').read())"
    seen = subprocess.run(
        ["python3", "-c", code],
        env={"LD_PRELOAD": entry, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(Path(found.path).resolve()) in seen.stdout


def test_a_preload_that_is_no_allocator_is_none() -> None:
    assert locate.preloaded("libz.so.1", {}) is None
    assert locate.preloaded("libc_malloc_debug.so.0", {}) is not None
