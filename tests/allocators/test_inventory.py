import pytest

from heapswap.allocators import inventory, jemalloc, locate, mimalloc, registry, tcmalloc
from heapswap.allocators.inventory import spelled, take
from heapswap.allocators.model import Allocator, Library, Origin, Soname
from heapswap.allocators.spelling import parse


def library(version: str, *features: str, origin: Origin = Origin.SYSTEM, family: str = "mimalloc") -> Library:
    path = f"/lib/{family}{'-'.join(features)}-{version}.so"
    return Library(family=family, path=path, version=version, origin=origin, features=tuple(features))


def test_the_shortest_spelling_selects_each_library(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = (
        library("3.3.2"),
        library("2.3.2"),
        library("3.3.2", "secure"),
        library("2.0"),
        library("3.4.3"),
    )
    monkeypatch.setattr(locate, "libraries", lambda _: iter(libraries))
    rows = list(spelled(libraries))
    assert [row.spelling for row in rows] == [
        "mimalloc",
        "mimalloc@2",
        "mimalloc+secure",
        "mimalloc@2.0",
        "mimalloc@3.4",
    ]
    for row in rows:
        assert locate.find(mimalloc.FAMILY, parse(row.spelling)) is row.library


def test_a_family_without_a_package_is_built_from_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "libraries", lambda _: iter(()))
    added = Allocator(name="x", summary="", upstream="https://x.example", sonames=(Soname(stem="libx.so"),))
    assert [missing.remedy for missing in take((added,)).missing] == ["build it: https://x.example"]


def test_what_no_version_tells_apart_is_spelled_by_its_path() -> None:
    first, second, unknown = library("2.0"), library("2.0", origin=Origin.BUNDLED), library("")
    assert [row.spelling for row in spelled((first, second, unknown))] == ["mimalloc", second.path, unknown.path]


def test_what_is_missing_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    present = {"mimalloc": (library("3.3.2", origin=Origin.BUNDLED), library("2.0"))}
    monkeypatch.setattr(locate, "libraries", lambda family: iter(present.get(family.name, ())))
    monkeypatch.setattr(registry, "plugins", lambda: ((), ()))
    taken = take((mimalloc.FAMILY, jemalloc.FAMILY, tcmalloc.FAMILY))
    assert [missing.spelling for missing in taken.missing] == ["mimalloc@2", "mimalloc+secure", "jemalloc", "tcmalloc"]
    assert "C compiler" in taken.missing[0].reason
    assert taken.missing[-1].remedy == "apt-get install libtcmalloc-minimal4"
    assert taken.kind == "allocators"
    assert isinstance(taken, inventory.Inventory)
