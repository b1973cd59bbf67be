import pytest

from heapswap.allocators import glibc, jemalloc, mimalloc, snmalloc, tcmalloc
from heapswap.allocators.inventory import Inventory, Missing, Present
from heapswap.allocators.model import Allocator, Library, Origin
from heapswap.findings import Finding, Level
from heapswap.report.inventory import details, overview
from tests.report.golden_files import matches_golden


def present(spelling: str, path: str, version: str, origin: Origin, page_size: int = 0) -> Present:
    library = Library(family=spelling.partition("@")[0], path=path, version=version, origin=origin, page_size=page_size)
    return Present(spelling=spelling, library=library)


def by_path(path: str, family: str) -> Present:
    return Present(spelling=path, library=Library(family=family, path=path, version="", origin=Origin.SYSTEM))


INVENTORY = Inventory(
    system="glibc 2.36",
    libraries=(
        present("mimalloc", "/opt/heapswap/_native/mimalloc.abi3.so", "3.3.2", Origin.BUNDLED),
        present("mimalloc@2.0", "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2", "2.0", Origin.SYSTEM),
        present("jemalloc", "/opt/heapswap/_native/jemalloc.abi3.so", "5.3.1", Origin.BUNDLED, 65536),
        present("jemalloc@5", "/srv/far/away/libjemalloc.so", "5.2.1", Origin.SYSTEM, 4096),
        by_path("/srv/somewhere/libjemalloc.so", "jemalloc"),
    ),
    missing=(
        Missing(
            spelling="snmalloc",
            reason="not built when heapswap was installed: it needs a C++20 compiler",
            remedy="pip install --force-reinstall heapswap",
        ),
        Missing(spelling="tcmalloc", reason="not installed", remedy="apt-get install libtcmalloc-minimal4"),
    ),
    families=(mimalloc.FAMILY, jemalloc.FAMILY, tcmalloc.FAMILY, snmalloc.FAMILY, glibc.FAMILY),
    findings=(
        Finding(
            code="broken-plugin",
            level=Level.WARNING,
            seen="the allocator plugin 'x' cannot be used: ImportError: no module named y",
            remedy="update or uninstall the package that provides it",
        ),
    ),
)


@pytest.mark.parametrize("width", [80, 120])
def test_the_overview(width: int) -> None:
    text = overview(INVENTORY, width)
    assert max(map(len, text.splitlines())) <= width
    matches_golden(f"allocators-{width}.txt", text)


def test_one_family() -> None:
    text = details(
        jemalloc.FAMILY, Inventory(system="glibc 2.36", libraries=INVENTORY.libraries[2:3], missing=(), families=()), 80
    )
    matches_golden("allocators-jemalloc-80.txt", text)


@pytest.mark.parametrize("family", INVENTORY.families, ids=lambda family: family.name)
def test_every_family_fits_the_width(family: Allocator) -> None:
    lines = details(family, INVENTORY, 100).splitlines()
    assert max(map(len, lines)) <= 100
    assert all(any(knob.name in line for line in lines) for knob in family.knobs)
