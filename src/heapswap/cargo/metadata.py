"""What `cargo metadata` says of a project, with nothing written into it."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from heapswap.cargo import shadow, tool
from heapswap.cargo.shadow import LOCK
from heapswap.errors import CannotGoOn

MANIFEST = "Cargo.toml"


class Target(msgspec.Struct, frozen=True):
    """One crate of a package."""

    name: str
    kind: tuple[str, ...]
    """``bin``, ``lib``, ``cdylib``, ``proc-macro``, ``bench``, …"""
    src_path: str
    edition: str
    required_features: tuple[str, ...] = msgspec.field(name="required-features", default=())


class Dependency(msgspec.Struct, frozen=True):
    """One line of a table of dependencies."""

    name: str
    req: str
    optional: bool
    kind: str | None = None
    """None: an ordinary one; ``dev`` or ``build``"""
    rename: str | None = None
    target: str | None = None
    """the platforms it is for; None: all"""


class Package(msgspec.Struct, frozen=True):
    """One package of the graph."""

    name: str
    version: str
    id: str
    manifest_path: str
    targets: tuple[Target, ...]
    features: dict[str, tuple[str, ...]]
    dependencies: tuple[Dependency, ...]
    edition: str
    source: str | None = None
    """where it was downloaded from; None: it is on this disk, the user's own"""
    rust_version: str | None = None
    default_run: str | None = None

    @property
    def folder(self) -> Path:
        """Where its manifest is."""
        return Path(self.manifest_path).parent

    @property
    def library(self) -> Target | None:
        """What other crates link."""
        kinds = ("lib", "rlib", "dylib", "cdylib", "staticlib", "proc-macro")
        return next((target for target in self.targets if set(target.kind) & set(kinds)), None)


class Kind(msgspec.Struct, frozen=True):
    """Why one package needs another."""

    kind: str | None
    target: str | None


class Edge(msgspec.Struct, frozen=True):
    """One package that another needs."""

    pkg: str
    dep_kinds: tuple[Kind, ...]


class Node(msgspec.Struct, frozen=True):
    """One package in the resolved graph."""

    id: str
    deps: tuple[Edge, ...]
    features: tuple[str, ...]


class Resolve(msgspec.Struct, frozen=True):
    """The resolved graph."""

    nodes: tuple[Node, ...]


class Metadata(msgspec.Struct, frozen=True):
    """A workspace, its packages, and how they depend on each other."""

    packages: tuple[Package, ...]
    workspace_members: tuple[str, ...]
    workspace_root: str
    target_directory: str
    resolve: Resolve | None = None

    @property
    def members(self) -> tuple[Package, ...]:
        """The packages of the workspace."""
        return tuple(package for package in self.packages if package.id in self.workspace_members)

    @property
    def package(self) -> dict[str, Package]:
        """Packages by id."""
        return {package.id: package for package in self.packages}

    @property
    def node(self) -> dict[str, Node]:
        """The graph by id of package."""
        return {node.id: node for node in self.resolve.nodes} if self.resolve else {}


class CargoFailed(CannotGoOn):
    """`cargo` ended with an error; the message holds its last lines."""


def manifest_at(path: Path) -> Path:
    """The manifest that a path stands for: the file itself, or the one in a folder.

    Raises:
        CannotGoOn: there is none.
    """
    manifest = path / MANIFEST if path.is_dir() else path
    if not manifest.is_file():
        raise CannotGoOn(f"{manifest} does not exist; give a folder with a {MANIFEST}, or the file itself")
    if manifest.name != MANIFEST:
        raise CannotGoOn(f"{manifest} is no {MANIFEST}; give a folder with a {MANIFEST}, or the file itself")
    return manifest.absolute()


def read(manifest: Path, environ: Mapping[str, str], options: Sequence[str] = ()) -> Metadata:
    """The graph of a workspace for the platform that is asked for by `options`, or for all.

    What is in the tree is not touched: a missing or outdated Cargo.lock is made in a copy, of which nothing is left.

    Raises:
        CannotGoOn: no cargo, a manifest that cargo refuses, or packages that are neither here nor can be downloaded.
    """
    root = workspace_root(manifest, environ)
    if (root / LOCK).is_file():
        try:
            return graph(manifest, environ, ("--locked", *options))
        except CargoFailed as error:
            if "--locked" not in str(error):
                raise
    with tempfile.TemporaryDirectory(prefix="heapswap-cargo-") as name:
        base = Path(name).resolve()
        shadow.linked(root, base)
        try:
            found = graph(shadow.at(base, manifest.parent.resolve() / MANIFEST), environ, options)
        except CargoFailed as error:
            raise CargoFailed(shadow.original(str(error), base)) from None
        return msgspec.json.decode(shadow.original(msgspec.json.encode(found).decode(), base), type=Metadata)


def read_members(manifest: Path, environ: Mapping[str, str]) -> Metadata:
    """The packages of a workspace by themselves, nothing resolved: this needs neither a network nor a lock file.

    Raises:
        CannotGoOn: no cargo, or a manifest that cargo refuses.
    """
    words = ("metadata", "--format-version", "1", "--no-deps", "--manifest-path", str(manifest))
    return msgspec.json.decode(run(words, environ, manifest.parent), type=Metadata)


def workspace_root(manifest: Path, environ: Mapping[str, str]) -> Path:
    """The folder of the workspace that a manifest belongs to.

    Raises:
        CannotGoOn: no cargo, or a manifest that it cannot read.
    """
    words = ("locate-project", "--workspace", "--message-format", "plain", "--manifest-path", str(manifest))
    return Path(run(words, environ, manifest.parent).strip()).parent.resolve()


def run(words: Sequence[str], environ: Mapping[str, str], directory: Path) -> str:
    """What a quick command of cargo prints.

    Raises:
        CannotGoOn: there is no cargo, or it ends with an error.
    """
    done = tool.ran((tool.found("cargo", environ), *words), environ, directory)
    if done.returncode != 0:
        raise CargoFailed(explained(words[0], done.stderr))
    return done.stdout


_NETWORK = re.compile(
    r"(?i)could not resolve host|failed to download|network|spurious|--offline|couldn't connect|timed out"
)


def explained(verb: str, stderr: str) -> str:
    """One line for a failed `cargo VERB`: its first error with what it was caused by, and what to do."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    first = next((at for at, line in enumerate(lines) if line.startswith("error")), 0)
    said = [line for line in lines[first : first + 9] if not line.startswith(("Caused by", "-->", "|", "=", "help:"))]
    message = "; ".join(line.removeprefix("error: ") for line in said[:3]) or "it said nothing"
    if _NETWORK.search("\n".join(lines[first:])):
        return f"cargo {verb}: {message}; connect to the network once, or run `cargo fetch` where there is one"
    return f"cargo {verb}: {message}; mend the project and start again"


def graph(manifest: Path, environ: Mapping[str, str], options: Sequence[str] = ()) -> Metadata:
    """The graph from what is on this disk if that will do, else with the network; Cargo.lock is brought up to date.

    Raises:
        CannotGoOn: as `read`.
    """
    words = ("metadata", "--format-version", "1", "--manifest-path", str(manifest), *options)
    try:
        text = run((*words, "--offline"), environ, manifest.parent)
    except CargoFailed:
        text = run(words, environ, manifest.parent)
    return msgspec.json.decode(text, type=Metadata)
