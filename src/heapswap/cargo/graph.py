"""Which crates a program is linked from, and which features are on in each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from heapswap.cargo.metadata import Metadata, Package, Target

PROGRAMS = ("bin", "cdylib", "staticlib", "example", "bench")
"""kinds of targets that are linked into something of their own, and in which one allocator is chosen"""
_WITH_DEV = frozenset(("example", "bench"))


@dataclass(frozen=True, slots=True)
class Crate:
    """One crate of a program, with the features that its package is compiled with."""

    package: Package
    target: Target
    features: frozenset[str]

    @property
    def label(self) -> str:
        """The crate as messages name it."""
        return f"{self.target.name} ({kind_of(self.target)})"


def kind_of(target: Target) -> str:
    """The kind that decides: what is linked from a crate before what others may link from it."""
    return next((kind for kind in PROGRAMS if kind in target.kind), target.kind[0])


def programs(package: Package) -> Iterator[Target]:
    """The final artifacts of a package."""
    return (target for target in package.targets if kind_of(target) in PROGRAMS)


def crates(metadata: Metadata, package: Package, target: Target, own_features: frozenset[str]) -> tuple[Crate, ...]:
    """The crates that `target` of `package` may be linked from: itself, its package's library, and all they need.

    Build scripts and procedural macros run in the compiler; what only they need is left out.
    """
    found = [Crate(package, target, own_features)]
    if package.library is not None and package.library is not target:
        found.append(Crate(package, package.library, own_features))
    packages, nodes = metadata.package, metadata.node
    kinds: set[str | None] = {None, "dev"} if kind_of(target) in _WITH_DEV else {None}
    seen, waiting = {package.id}, list(_needed(metadata, package.id, kinds))
    while waiting:
        identity = waiting.pop(0)
        if identity in seen:
            continue
        seen.add(identity)
        library = packages[identity].library
        if library is None or "proc-macro" in library.kind:
            continue
        found.append(Crate(packages[identity], library, frozenset(nodes[identity].features)))
        waiting.extend(_needed(metadata, identity, {None}))
    return tuple(found)


def closure(features: Mapping[str, Iterable[str]], asked: Iterable[str]) -> frozenset[str]:
    """The features of a package that are on when these are asked for."""
    on: set[str] = set()
    waiting = list(asked)
    while waiting:
        name = waiting.pop()
        if name not in on and name in features:
            on.add(name)
            # ``package/feature`` turns an optional package on, and with it the feature of its name.
            waiting += (other.partition("/")[0] if "?/" not in other else other for other in features[name])
    return frozenset(on)


def _needed(metadata: Metadata, identity: str, kinds: set[str | None]) -> Iterator[str]:
    node = metadata.node.get(identity)
    for edge in node.deps if node else ():
        if any(kind.kind in kinds for kind in edge.dep_kinds):
            yield edge.pkg
