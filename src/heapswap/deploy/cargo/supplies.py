"""The crates that bring an allocator, with the versions that are pinned: the one table."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Crate:
    """One crate of crates.io and how a program is given its allocator."""

    name: str
    version: str
    """pinned exactly: 0.1.49 of libmimalloc-sys changed the C library from v2 to v3 within one range"""
    static: str
    """type and value of the static"""
    platforms: str = ""
    """condition of the table of dependencies: a ``cfg`` in the source alone does not keep it from being built"""
    in_libraries: tuple[str, ...] = ()
    """features without which what is loaded by dlopen may find no room for thread-local storage"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One Cargo feature that the deployment adds."""

    name: str
    crate: str
    """the crate whose allocator it chooses"""
    enables: tuple[str, ...]
    candidate: str
    """the candidate that it is a build of"""


CRATES = (
    Crate(
        name="mimalloc",
        version="0.1.52",
        static="mimalloc::MiMalloc",
        in_libraries=("local_dynamic_tls",),
    ),
    Crate(
        name="tikv-jemallocator",
        version="0.7.0",
        static="tikv_jemallocator::Jemalloc",
        platforms='not(target_env = "msvc")',
        in_libraries=("disable_initial_exec_tls",),
    ),
)
FEATURES = (
    Feature(name="mimalloc", crate="mimalloc", enables=("dep:mimalloc",), candidate="mimalloc"),
    Feature(
        name="mimalloc-secure",
        crate="mimalloc",
        enables=("mimalloc", "mimalloc?/secure"),
        candidate="mimalloc+secure",
    ),
    Feature(name="jemalloc", crate="tikv-jemallocator", enables=("dep:tikv-jemallocator",), candidate="jemalloc"),
)
OLDEST_RUST = (1, 60)
"""``dep:`` and ``package?/feature`` are understood since then"""
USUAL_RUST = (1, 65)
"""what the newest releases of what these crates need (cc, libc) ask for; older ones do for less"""

PAGES = {
    # jemalloc fixes the largest page size at build time; the target's name before the variable keeps it to that target.
    "AARCH64_UNKNOWN_LINUX_GNU_JEMALLOC_SYS_WITH_LG_PAGE": "16",
    "AARCH64_UNKNOWN_LINUX_MUSL_JEMALLOC_SYS_WITH_LG_PAGE": "16",
}


def selecting(crate: Crate) -> Feature:
    """The feature that puts a crate's allocator into force; others include it."""
    return next(feature for feature in FEATURES if feature.crate == crate.name)


def others(crate: Crate) -> Iterator[Feature]:
    """The features that exclude a crate's."""
    return (selecting(other) for other in CRATES if other != crate)
