"""A package of a Cargo workspace, and what its programs are linked from under any features."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from heapswap.cargo import metadata as cargo_metadata
from heapswap.cargo.built import Built, Declared
from heapswap.cargo.graph import Crate, closure, crates, programs
from heapswap.cargo.metadata import CargoFailed, Metadata, Package, Target
from heapswap.cargo.platform import Platform, host
from heapswap.cargo.source import ATTRIBUTE, Found, found_in
from heapswap.errors import CannotGoOn


@dataclass(frozen=True, kw_only=True)
class Project:
    """One package of a workspace, with everything that its programs are linked from."""

    manifest: Path
    environ: Mapping[str, str]
    platform: Platform
    metadata: Metadata
    """with the default features"""
    package: Package
    sources: dict[str, tuple[Found, ...]] = field(default_factory=dict)
    """what was found, by root file of a crate"""
    graphs: dict[tuple[str, ...], Metadata] = field(default_factory=dict)

    def built(self, target: Target, features: tuple[str, ...], *, default: bool = True) -> Built:
        """What a build of `target` with these features, beside the default ones or instead of them, is made of."""
        asked = (*features, *target.required_features)
        own = closure(self.package.features, ("default", *asked) if default else asked)
        linked = crates(self._graph(features), self.package, target, own)
        return Built(
            platform=self.platform,
            declared=tuple(Declared(crate, found) for crate in linked for found in self.found(crate)),
        )

    @cached_property
    def widest(self) -> Metadata:
        """The graph with every feature of the package; the default one where that cannot be read."""
        try:
            return cargo_metadata.read(self.manifest, self.environ, (*self.platform.options, "--all-features"))
        except CargoFailed:
            return self.metadata

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The features of the package that somebody can add to the default ones."""
        default = closure(self.package.features, ("default",))
        return tuple(name for name in self.package.features if name != "default" and name not in default)

    def _graph(self, features: tuple[str, ...]) -> Metadata:
        """The graph with these features; the default one where no package in it declares an allocator."""
        if not features or not self._declared_elsewhere:
            return self.metadata
        if features not in self.graphs:
            options = (*self.platform.options, "--features", ",".join(features))
            self.graphs[features] = cargo_metadata.read(self.manifest, self.environ, options)
        return self.graphs[features]

    @cached_property
    def _declared_elsewhere(self) -> bool:
        """Whether another package of the widest graph declares an allocator."""
        return any(
            self.found(crate)
            for target in programs(self.package)
            for crate in crates(self.widest, self.package, target, frozenset())
            if crate.package.id != self.package.id
        )

    def found(self, crate: Crate) -> tuple[Found, ...]:
        """What the source of a crate holds."""
        root = crate.target.src_path
        if root not in self.sources:
            self.sources[root] = found_in(Path(root)) if self._mentions(crate.package.folder) else ()
        return self.sources[root]

    def _mentions(self, folder: Path) -> bool:
        """Whether any source of a package names the attribute: most do not, and are not looked at more closely."""
        return any(ATTRIBUTE.encode() in source for source in _rust_sources(folder))


def projects(path: Path, environ: Mapping[str, str], package: str = "") -> tuple[Project, ...]:
    """The packages at `path`: the one of that manifest, or all members where it is only a workspace's.

    Raises:
        CannotGoOn: as `inspect_project`; also where `package` is not among them.
    """
    manifest = cargo_metadata.manifest_at(path)
    platform = host(environ, manifest.parent)
    metadata = cargo_metadata.read(manifest, environ, platform.options)
    chosen = _chosen(metadata, manifest, package)
    return tuple(
        Project(
            manifest=Path(member.manifest_path),
            environ=environ,
            platform=platform,
            metadata=metadata,
            package=member,
        )
        for member in chosen
    )


def package_at(path: Path, name: str, environ: Mapping[str, str]) -> Package:
    """The one package that is meant: that of the manifest, the one named, or the only one with programs.

    Raises:
        CannotGoOn: none of that name, or several and no name given.
    """
    manifest = cargo_metadata.manifest_at(path)
    found = _chosen(cargo_metadata.read_members(manifest, environ), manifest, name)
    with_programs = [package for package in found if any("bin" in target.kind for target in package.targets)]
    if len(found) == 1 or len(with_programs) == 1:
        return (with_programs or found)[0]
    names = ", ".join(sorted(package.name for package in with_programs or found))
    raise CannotGoOn(f"{manifest} is a workspace; say which package with --package: {names}")


def _chosen(metadata: Metadata, manifest: Path, name: str) -> tuple[Package, ...]:
    """The package of that name, else the one of that manifest, else all."""
    real = os.path.realpath(manifest)
    own = tuple(member for member in metadata.members if os.path.realpath(member.manifest_path) == real)
    if not name:
        return own or metadata.members
    chosen = tuple(member for member in metadata.members if member.name == name)
    if not chosen:
        names = ", ".join(sorted(member.name for member in metadata.members)) or "none"
        raise CannotGoOn(f"{manifest} has no package '{name}'; its packages are: {names}")
    return chosen


def _rust_sources(folder: Path) -> Iterator[bytes]:
    """The content of every Rust file of a package; one that cannot be read is left to the compiler."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "target" and not name.startswith(".")]
        for name in files:
            if name.endswith(".rs"):
                with suppress(OSError):
                    yield Path(place, name).read_bytes()
