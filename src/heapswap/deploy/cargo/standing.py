"""What a program's sources choose already, before anything of heapswap's is added."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from heapswap.cargo.built import Declared
from heapswap.cargo.conditions import Facts, holds
from heapswap.cargo.graph import kind_of, programs
from heapswap.cargo.metadata import Package, Target
from heapswap.cargo.project import Project
from heapswap.cargo.source import What
from heapswap.deploy.cargo.module import Rival
from heapswap.deploy.cargo.supplies import CRATES, Crate, selecting
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn

_FINAL = frozenset(("cdylib", "staticlib"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The choices that are there."""

    covered: tuple[Crate, ...]
    """crates whose feature chooses an allocator already: what is there stays"""
    rivals: tuple[Rival, ...]
    """declarations that some builds see, among them those of `covered`"""


def roots(package: Package, names: Sequence[str]) -> tuple[Target, ...]:
    """The targets whose root file declares the allocator: the programs, all or those named.

    Raises:
        CannotGoOn: the package is a library, or has no program of a name.
    """
    if names:
        known = {target.name: target for target in programs(package)}
        if missing := [name for name in names if name not in known]:
            raise CannotGoOn(f"{package.name} has no program '{missing[0]}'; its programs are: {', '.join(known)}")
        return tuple(known[name] for name in names)
    if found := tuple(target for target in package.targets if "bin" in target.kind):
        return found
    library = package.library
    if library is not None and set(library.kind) <= _FINAL:
        return (library,)
    also = "" if library is None or not set(library.kind) & _FINAL else f" (it is {' and '.join(library.kind)})"
    raise CannotGoOn(
        f"{package.name} is a library{also}, and a library must not choose the allocator of the programs that use it; "
        "deploy to a program: give its package with --package, or its folder"
    )


def standing(project: Project, targets: Sequence[Target], tree: Tree) -> Standing:
    """What is declared in the crates of these programs; what heapswap itself deployed does not count.

    Raises:
        CannotGoOn: an allocator is declared for every build, so that no feature could choose another.
    """
    rows = [row for target in targets for row in _declared(project, target, tree)]
    covered: dict[str, Crate] = {}
    rivals: dict[str, Rival] = {}
    for row in rows:
        place = _place(project, row)
        if _holds(project, row, row.crate.features) is True:
            raise _chosen(project, row, place)
        if row.crate.package.id != project.package.id:
            continue
        rivals[place] = Rival(condition=str(row.found.condition), place=place)
        for crate in CRATES:
            if _holds(project, row, frozenset((selecting(crate).name,))) is True:
                covered[crate.name] = crate
    return Standing(covered=tuple(covered.values()), rivals=tuple(rivals.values()))


def _declared(project: Project, target: Target, tree: Tree) -> Iterator[Declared]:
    for row in project.built(target, ()).declared:
        is_ours = tree.read(Path(row.found.file)) is None
        if row.found.what is What.ALLOCATOR and not row.found.macro and not is_ours:
            yield row


def _holds(project: Project, row: Declared, features: frozenset[str]) -> bool | None:
    return holds(row.found.condition, Facts(target=project.platform.cfg, features=features))


def _place(project: Project, row: Declared) -> str:
    return f"{os.path.relpath(row.found.file, project.package.folder)}:{row.found.line}"


def _chosen(project: Project, row: Declared, place: str) -> CannotGoOn:
    package = row.crate.package
    if package.id == project.package.id:
        where = " in its library" if kind_of(row.crate.target) not in ("bin", "example", "bench") else ""
        return CannotGoOn(
            f"{package.name} declares {row.found.type or 'a global allocator'} for every build{where} ({place}), and a "
            'program has one; take it out, or put it behind a feature: #[cfg(feature = "…")]'
        )
    return CannotGoOn(
        f"the dependency {package.name} {package.version} declares {row.found.type or 'a global allocator'} "
        f"for every program that uses it (its {Path(row.found.file).name}:{row.found.line}); see whether it has a "
        f"feature that leaves it out (default-features = false), or ask its authors for one"
    )
