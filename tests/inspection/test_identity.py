"""identity and marks: which allocator an object contains."""

from pathlib import Path

import pytest

from heapswap import elf
from heapswap.allocators import registry
from heapswap.allocators.model import Allocator
from heapswap.inspection.identity import identify, version
from tests.inspection.programs import MALLOC, library


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (MALLOC, [("unknown", True)]),
        (MALLOC + "int mallctl;\n", [("jemalloc", True)]),
        (MALLOC + "int mi_malloc;\nint mi_version;\n", [("mimalloc", True)]),
        ("int je_arrow_mallctl;\nint mi_malloc;\n", [("jemalloc", False), ("mimalloc", False)]),
        # Python's own copy of mimalloc is not the program's allocator.
        ("int mi_malloc;\nint Py_BytesMain;\n", []),
        ("int nothing;\n", []),
    ],
)
def test_families(tmp_path: Path, source: str, expected: list[tuple[str, bool]]) -> None:
    found = identify(elf.read(library(tmp_path, "libx.so", source)))
    assert [(one.family, one.answers_malloc) for one in found] == expected


def test_a_family_that_a_package_adds_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added = Allocator(
        name="mine", summary="", upstream="", symbols=("mine_version",), configuration="MINE_", version=r"mine (\d+)"
    )
    monkeypatch.setattr(registry, "plugins", lambda: ((added,), ()))
    source = MALLOC + 'const char mine_version[] = "mine 12";\n'
    image = elf.read(library(tmp_path, "libx.so", source))
    (one,) = identify(image)
    assert (one.family, one.variable, one.answers_malloc) == ("mine", "MINE_", True)
    assert one.evidence == "defines malloc, mine_version"
    assert version(image, one.family) == "12"


def test_bundled_libraries_say_what_they_are(tmp_path: Path) -> None:
    text = "family=jemalloc;version=9.8.7;features=stats;lg_page=12"
    mark = f'__attribute__((section(".heapswap.allocator"), used)) static const char mark[] = "{text}";\n'
    image = elf.read(library(tmp_path, "libmine.so", MALLOC + mark))
    (one,) = identify(image)
    assert (one.family, one.variable, one.answers_malloc) == ("jemalloc", "_RJEM_MALLOC_CONF", True)
    assert version(image, one.family) == "9.8.7"


@pytest.mark.parametrize(
    ("name", "package", "family"),
    [
        ("libjemalloc.so.2", "libjemalloc2", "jemalloc"),
        ("libmimalloc.so.2", "libmimalloc2.0", "mimalloc"),
        ("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4", "tcmalloc"),
        ("libc.so.6", "libc6", "glibc"),
    ],
)
def test_the_distributions_libraries(name: str, package: str, family: str) -> None:
    paths = [path for folder in ("/lib", "/usr/lib") for path in Path(folder).glob(f"*-linux-gnu/{name}*")]
    assert paths, f"{name} is missing: apt-get install {package}"
    image = elf.read(paths[0])
    (one,) = identify(image)
    assert (one.family, one.answers_malloc) == (family, True)
    assert version(image, family)[0].isdigit()
