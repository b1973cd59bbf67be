"""composition: whose malloc answers, from what the objects define and in which order they come."""

from pathlib import Path

import pytest

from heapswap import elf
from heapswap.inspection.composition import Placed, compose, presence_of
from heapswap.inspection.model import Presence
from tests.inspection.programs import DEFINES_MALLCTL, MALLOC, PRINTS_FRESH_BLOCK, build, library


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("composition")


def placed(path: Path, presence: Presence, *, in_order: bool = True) -> Placed:
    return Placed(image=elf.read(path), path=str(path), presence=presence, in_order=in_order, seen="mapped at 7f")


@pytest.fixture(scope="module")
def objects(folder: Path) -> dict[str, Placed]:
    own = build(folder, "own", MALLOC + PRINTS_FRESH_BLOCK)
    plain = build(folder, "plain", PRINTS_FRESH_BLOCK)
    rust = build(folder, "rust", "int _rjem_mallctl(void) { return 0; }\n" + PRINTS_FRESH_BLOCK)
    je = library(folder, "libje.so", MALLOC + DEFINES_MALLCTL)
    mi = library(folder, "libmi.so", MALLOC + "int mi_malloc(void) { return 0; }\n")
    other = library(folder, "libother.so", MALLOC)
    wheel = library(folder, "wheel.so", '__attribute__((visibility("hidden"))) int mi_malloc(void) { return 0; }\n')
    return {
        "own": placed(own, Presence.STATIC),
        "plain": placed(plain, Presence.STATIC),
        "rust": placed(rust, Presence.STATIC),
        "jemalloc": placed(je, Presence.PRELOADED),
        "mimalloc": placed(mi, Presence.LINKED),
        "other": placed(other, Presence.PRELOADED),
        "late": placed(je, Presence.LINKED, in_order=False),
        "wheel": placed(wheel, Presence.WHEEL, in_order=False),
    }


@pytest.mark.parametrize(
    ("names", "allocator", "presence", "others"),
    [
        ("plain jemalloc mimalloc", "jemalloc", Presence.PRELOADED, ["mimalloc"]),
        ("plain mimalloc", "mimalloc", Presence.LINKED, []),
        # Mapped is not used: the executable's own malloc comes before every preload.
        ("own jemalloc", "unknown", Presence.STATIC, ["jemalloc"]),
        ("rust jemalloc", "jemalloc", Presence.STATIC, ["jemalloc"]),
        ("plain late mimalloc", "mimalloc", Presence.LINKED, ["jemalloc"]),
        ("plain other wheel", "unknown", Presence.PRELOADED, ["mimalloc"]),
    ],
)
def test_who_answers(
    objects: dict[str, Placed], names: str, allocator: str, presence: Presence, others: list[str]
) -> None:
    composition = compose([objects[name] for name in names.split()])
    assert composition.allocator == allocator
    assert composition.uses[0].presence is presence
    assert [use.family for use in composition.uses[1:]] == others
    for use in composition.uses:
        assert "mapped at 7f" in use.evidence


def test_nobody_answers(objects: dict[str, Placed]) -> None:
    composition = compose([objects["plain"], objects["late"], objects["wheel"]])
    assert composition.allocator == ""
    assert [use.family for use in composition.uses] == ["jemalloc", "mimalloc"]
    assert all("it serves itself only" in use.evidence for use in composition.uses)


def test_presence_by_place() -> None:
    assert presence_of("/venv/lib/python3.11/site-packages/x/y.so") is Presence.WHEEL
    assert presence_of("/usr/lib/python3/dist-packages/y.so") is Presence.WHEEL
    assert presence_of("/usr/lib/libsite-packages.so") is Presence.LINKED
