from collections.abc import Callable, Iterator
from importlib import metadata

import pytest

from heapswap.allocators import registry
from heapswap.allocators.model import Allocator
from heapswap.errors import Misuse

OWN = ("mimalloc", "jemalloc", "tcmalloc", "snmalloc", "glibc", "musl")


class Entry:
    """An entry point that loads to what it is given, or raises it."""

    def __init__(self, name: str, value: object) -> None:
        self.name = name
        self.value = value

    def load(self) -> object:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes entry points look installed."""

    def installed(*entries: Entry) -> None:
        registry.plugins.cache_clear()
        monkeypatch.setattr(metadata, "entry_points", lambda group: entries if group == registry.GROUP else ())

    yield installed
    registry.plugins.cache_clear()


def test_heapswaps_own_families(install: Callable[..., None]) -> None:
    install()
    assert tuple(family.name for family in registry.families()) == OWN
    assert all(registry.family(name).name == name for name in OWN)


def test_a_package_adds_a_family(install: Callable[..., None]) -> None:
    added = Allocator(name="rpmalloc", summary="", upstream="", paths=("/opt/librpmalloc.so",))
    install(Entry("rpmalloc", added))
    assert registry.family("rpmalloc") is added
    assert registry.families()[-1] is added


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (ImportError("no module named x"), "ImportError: no module named x"),
        (42, "it is a int, not an Allocator"),
        (Allocator(name="jemalloc", summary="", upstream=""), "the name 'jemalloc' is taken"),
        (Allocator(name="system", summary="", upstream=""), "the name 'system' is taken"),
    ],
)
def test_a_broken_plugin_is_a_finding(install: Callable[..., None], value: object, seen: str) -> None:
    install(Entry("broken", value))
    assert tuple(family.name for family in registry.families()) == OWN
    (finding,) = registry.plugins()[1]
    assert finding.code == "broken-plugin"
    assert seen in finding.seen


def test_an_unknown_name_lists_the_near_ones(install: Callable[..., None]) -> None:
    install()
    with pytest.raises(Misuse, match="'jemaloc' is no allocator; did you mean jemalloc"):
        registry.family("jemaloc")
    with pytest.raises(Misuse, match="it knows system, current, mimalloc, jemalloc, tcmalloc, snmalloc"):
        registry.family("xyz")


def test_the_c_library_is_told() -> None:
    name, version = registry.c_library()
    assert name in registry.C_LIBRARIES
    assert (name == "glibc") == bool(version)
