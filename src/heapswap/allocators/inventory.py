"""What exists here and what is missing: every family with its libraries, each with the spelling that selects it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from heapswap.allocators import locate, registry, spelling, versions
from heapswap.allocators.model import Allocator, Candidate, Library, Origin
from heapswap.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """One library, and what to type to get it."""

    spelling: str
    library: Library


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A library that could be here, and the one thing to do that adds it."""

    spelling: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Everything `heapswap allocators` tells. The field names are the JSON names."""

    kind: str = "allocators"
    schema: int = 1
    system: str
    """the C library whose allocator ``system`` is: ``glibc 2.36``"""
    libraries: tuple[Present, ...]
    missing: tuple[Missing, ...]
    families: tuple[Allocator, ...]
    findings: tuple[Finding, ...] = ()


def take(families: tuple[Allocator, ...]) -> Inventory:
    """Look for every library of these families."""
    found = {family.name: tuple(locate.libraries(family)) for family in families}
    return Inventory(
        system=" ".join(registry.c_library()).strip(),
        libraries=tuple(present for family in families for present in spelled(found[family.name])),
        missing=tuple(missing for family in families for missing in _missing(family, found[family.name])),
        families=families,
        findings=registry.plugins()[1],
    )


def spelled(libraries: Iterable[Library]) -> Iterator[Present]:
    """Each library of one family, in order of preference, with the shortest spelling that selects it."""
    before: list[Library] = []
    for library in libraries:
        rivals = [other for other in before if other.features == library.features]
        yield Present(spelling=_shortest(library, rivals), library=library)
        before.append(library)


def _shortest(library: Library, rivals: list[Library]) -> str:
    if not rivals:
        return str(Candidate(library=library.family, features=library.features))
    parts = versions.parts(library.version)
    for length in range(1, len(parts) + 1):
        line = ".".join(map(str, parts[:length]))
        if not any(versions.belongs(rival.version, line) for rival in rivals):
            return str(Candidate(library=library.family, features=library.features, version=line))
    # A path that cannot be spelled is shown as it is: there is nothing to type for it.
    return library.path


def _missing(family: Allocator, libraries: tuple[Library, ...]) -> Iterator[Missing]:
    bundled = [library for library in libraries if library.origin is Origin.BUNDLED]
    for build in family.builds:
        if not any(_is(library, build.features, build.line) for library in bundled):
            first = build is family.builds[0] or build.features
            candidate = Candidate(library=family.name, features=build.features, version="" if first else build.line)
            yield Missing(
                spelling=spelling.spell(candidate),
                reason=f"not built when heapswap was installed: it needs {build.needs}",
                remedy="pip install --force-reinstall heapswap",
            )
    if family.sonames and not family.builds and not libraries:
        package = family.sonames[0].package
        remedy = f"apt-get install {package}" if package else f"build it: {family.upstream}"
        yield Missing(spelling=family.name, reason="not installed", remedy=remedy)


def _is(library: Library, features: tuple[str, ...], line: str) -> bool:
    return library.features == features and versions.belongs(library.version, line)
