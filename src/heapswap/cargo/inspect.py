"""Which allocator the programs of a Cargo project use, who decides it, and which choices exclude each other."""

from collections.abc import Iterator, Mapping
from itertools import combinations, islice
from pathlib import Path

from heapswap.cargo.clashes import clash
from heapswap.cargo.conditions import ALWAYS, Facts, holds
from heapswap.cargo.families import family_of
from heapswap.cargo.graph import closure, crates, kind_of, programs
from heapswap.cargo.metadata import Target, manifest_at
from heapswap.cargo.model import SYSTEM, Choice, Declaration, Program, ProjectInspection, Standing
from heapswap.cargo.project import Project, projects
from heapswap.cargo.source import Found, What
from heapswap.findings import Finding, Level

_TRIED = 256
"""sets of features that a condition is asked with"""
_TOGETHER = 2
"""features that are tried together: rustc refuses two allocators, whatever a third feature does"""


def inspect_project(path: Path, environ: Mapping[str, str], package: str = "") -> ProjectInspection:
    """Inspect the package at `path`, or every package of a workspace whose manifest holds none.

    Raises:
        CannotGoOn: no manifest there, no cargo, or a graph that cargo cannot make.
    """
    found = [_inspected(project) for project in projects(path, environ, package)]
    manifest = manifest_at(path)
    return ProjectInspection(
        manifest=str(manifest),
        target=found[0].target,
        packages=max(part.packages for part in found),
        programs=tuple(program for part in found for program in part.programs),
        declarations=tuple(dict.fromkeys(row for part in found for row in part.declarations)),
        findings=tuple(dict.fromkeys(row for part in found for row in part.findings)),
    )


def program(project: Project, target: Target) -> Program:
    """How the allocator of one program is chosen."""
    plain = choice(project, target, ())
    choices = [plain]
    for name in project.features:
        other = choice(project, target, (name,))
        if (other.allocator, other.declared) != (plain.allocator, plain.declared):
            choices.append(other)
    return Program(package=project.package.name, name=target.name, kind=kind_of(target), choices=tuple(choices))


def _inspected(project: Project) -> ProjectInspection:
    targets = tuple(programs(project.package))
    found = tuple(program(project, target) for target in targets)
    return ProjectInspection(
        manifest=str(project.manifest),
        target=project.platform.triple,
        packages=len(project.metadata.node) or len(project.metadata.packages),
        programs=found,
        declarations=tuple(dict.fromkeys(row for target in targets for row in _declarations(project, target))),
        findings=tuple(
            dict.fromkeys(
                finding
                for target, one in zip(targets, found, strict=True)
                for finding in (*_clashes(project, target, one), *_in_libraries(project, target))
            )
        ),
    )


def choice(project: Project, target: Target, features: tuple[str, ...], *, default: bool = True) -> Choice:
    """What serves a program that is built with these features, beside the default ones or instead of them."""
    built = project.built(target, features, default=default)
    active = built.active
    if built.refused or len(active) > 1:
        return Choice(features=features, allocator="")
    if not active:
        return Choice(features=features, allocator=SYSTEM)
    found = active[0].found
    return Choice(
        features=features, allocator=family_of(found.type) or found.type, declared=f"{found.file}:{found.line}"
    )


def _declarations(project: Project, target: Target) -> Iterator[Declaration]:
    """Every declaration in the widest graph, with what becomes of it in a build without features."""
    plain = {(row.found.file, row.found.line) for row in project.built(target, ()).active}
    everything = closure(project.package.features, project.package.features)
    for crate in crates(project.widest, project.package, target, everything):
        for found in project.found(crate):
            if found.what is What.ALLOCATOR:
                yield Declaration(
                    package=crate.package.name,
                    version=crate.package.version,
                    crate=crate.label,
                    file=found.file,
                    line=found.line,
                    name=found.name,
                    type=found.type,
                    family=family_of(found.type),
                    condition="" if found.condition == ALWAYS else str(found.condition),
                    standing=_standing(project, found, active=(found.file, found.line) in plain),
                )


def _standing(project: Project, found: Found, *, active: bool) -> Standing:
    if found.macro:
        return Standing.MACRO
    if active:
        return Standing.ACTIVE
    asked = sorted(found.condition.features)
    sets = (frozenset(some) for size in range(len(asked) + 1) for some in combinations(asked, size))
    # Whatever features are on: only the platform, or the build itself, is left to say no.
    answers = {
        holds(found.condition, Facts(target=project.platform.cfg, features=some)) for some in islice(sets, _TRIED)
    }
    if True in answers:
        return Standing.FEATURE
    return Standing.CUSTOM if None in answers else Standing.OTHER_TARGET


def _clashes(project: Project, target: Target, one: Program) -> Iterator[Finding]:
    """The smallest sets of features with which rustc refuses the program."""
    changing = [choice.features[0] for choice in one.choices[1:]]
    sets = [features for size in range(_TOGETHER + 1) for features in combinations(changing, size)]
    reported: list[tuple[str, ...]] = []
    for features in sets:
        if any(set(smaller) <= set(features) for smaller in reported):
            continue
        built = project.built(target, features)
        if len(built.active) > 1 and not built.refused:
            reported.append(features)
            yield clash(target, features, built.active)


def _in_libraries(project: Project, target: Target) -> Iterator[Finding]:
    """A library that chooses for whoever links it."""
    for row in project.built(target, ()).active:
        if kind_of(row.crate.target) in ("lib", "rlib"):
            mine = row.crate.package.source is None
            yield Finding(
                code="allocator-in-a-library",
                level=Level.WARNING,
                seen=f"the library {row.crate.package.name} {row.crate.package.version} chooses the allocator of every "
                f"program that uses it ({row.found.file}:{row.found.line})",
                remedy="move the declaration into the programs, or behind a feature that is off by default"
                if mine
                else f"see whether {row.crate.package.name} has a feature that leaves it out; "
                "a program that uses it can declare none of its own",
            )
