"""The plan for a Cargo package: manifest, module, the line in each program, pages of arm64, and the lock file."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from heapswap.allocators.model import Candidate
from heapswap.cargo.metadata import Package, Target
from heapswap.cargo.project import Project
from heapswap.deploy import model
from heapswap.deploy.cargo import lock, manifest, module
from heapswap.deploy.cargo.standing import Standing, roots, standing
from heapswap.deploy.cargo.supplies import CRATES, FEATURES, OLDEST_RUST, PAGES, USUAL_RUST, Crate, Feature
from heapswap.deploy.model import Action, Afterwards, Choice, Plan
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, Misuse
from heapswap.findings import Finding, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What may be said about a deployment beside the candidate."""

    programs: tuple[str, ...] = ()
    """names of the programs that are given the choice; empty: all binaries"""
    default: bool = False
    """the candidate's feature becomes a default one"""


def feature_of(candidate: Candidate) -> Feature:
    """The feature that is a build with this candidate.

    Raises:
        Misuse: there is none.
    """
    for feature in FEATURES:
        if str(candidate) in (feature.name, feature.candidate):
            return feature
    names = ", ".join(feature.name for feature in FEATURES)
    hint = "; the knobs of an allocator that is linked in are set where the program runs" if candidate.knobs else ""
    raise Misuse(f"{candidate} is not among what can be built into a Rust program: {names}{hint}")


def plan(project: Project, choice: Choice, tree: Tree, settings: Settings) -> Plan:
    """The plan for one package.

    Raises:
        Misuse: a candidate that cannot be built into a Rust program.
        CannotGoOn: a library, a program whose allocator is chosen already, a manifest that cannot be edited.
    """
    feature = feature_of(choice.candidate)
    package = project.package
    _refuse_old(package)
    targets = roots(package, settings.programs)
    there = standing(project, targets, tree)
    crates = tuple(crate for crate in CRATES if crate not in there.covered)
    root = Path(project.metadata.workspace_root)
    edited = _manifest(package, crates, feature if settings.default else None, tree, targets)
    actions = [edited]
    if crates:
        actions += _sources(package, targets, crates, there, tree)
        actions += _pages(root, crates, tree)
    locked = lock.action(project, edited, tree) if edited.before != edited.after else None
    return Plan(
        target=model.Target.CARGO,
        place=str(package.folder),
        candidate=feature.candidate,
        evidence=choice.evidence,
        actions=(*actions, *((locked,) if isinstance(locked, Action) else ())),
        findings=(
            *_findings(package, crates, there),
            *((locked,) if isinstance(locked, Finding) else ()),
        ),
        afterwards=tuple(_afterwards(package, feature, settings)),
    )


def _manifest(
    package: Package, crates: Sequence[Crate], default: Feature | None, tree: Tree, targets: Sequence[Target]
) -> Action:
    path = Path(package.manifest_path)
    data = tree.required(path, "a Cargo project")
    in_library = not any({"bin", "example", "bench"} & set(target.kind) for target in targets)
    after = manifest.edited(data, path, crates, default, library=in_library)
    purpose = "the allocators as optional dependencies, and a feature for each"
    return tree.change(path, after, purpose if default is None else f"{purpose}; {default.name} by default")


def _sources(
    package: Package, targets: Sequence[Target], crates: Sequence[Crate], there: Standing, tree: Tree
) -> Iterator[Action]:
    files = [Path(target.src_path) for target in targets]
    texts = {file: tree.required(file, "a Rust source file") for file in files}
    src = package.folder / "src"
    folder = src if src.is_dir() else files[0].parent
    name = _free(folder, texts.values(), tree)
    path = folder / f"{name}.rs"
    text = module.source(crates, there.rivals, package.edition)
    newline = "\r\n" if b"\r\n" in texts[files[0]] else "\n"
    yield tree.change(path, text.replace("\n", newline).encode(), "the choice itself, one static for each feature")
    for file, data in texts.items():
        after = module.with_module(data, path, file, name)
        yield tree.change(file, after, "the module is part of the program")


def _free(folder: Path, texts: Iterable[bytes], tree: Tree) -> str:
    """A name for the module that nothing in the package has."""
    sources = tuple(texts)
    for name in module.NAMES:
        taken = any(re.search(rb"\bmod\s+" + name.encode() + rb"\b", data) for data in sources)
        if not taken and tree.read(folder / f"{name}.rs") is None and not (folder / name).is_dir():
            return name
    raise CannotGoOn(f"{folder} has modules called {', '.join(module.NAMES)}; rename one of them")


def _pages(root: Path, crates: Sequence[Crate], tree: Tree) -> Iterator[Action]:
    """jemalloc for arm64, whose kernels have pages of 4, 16 or 64 KiB."""
    if not any(crate.name == "tikv-jemallocator" for crate in crates):
        return
    folder = root / ".cargo"
    path = folder / "config" if (folder / "config").is_file() else folder / "config.toml"
    data = tree.read(path) or b""
    wanted = {key: f'"{value}"' for key, value in PAGES.items() if key.encode() not in data}
    after = manifest.added(data, path, {("env",): wanted}) if wanted else data
    yield tree.change(path, after, "jemalloc built for arm64 works with pages of 4 to 64 KiB")


def _refuse_old(package: Package) -> None:
    if package.rust_version and _version(package.rust_version) < OLDEST_RUST:
        raise CannotGoOn(
            f"{package.name} promises to build with Rust {package.rust_version}, and features with dep: need 1.60; "
            "raise rust-version, or write the features by hand"
        )


def _findings(package: Package, crates: Sequence[Crate], there: Standing) -> Iterator[Finding]:
    if package.rust_version and _version(package.rust_version) < USUAL_RUST:
        yield Finding(
            code="old-rust",
            level=Level.WARNING,
            seen=f"{package.name} promises to build with Rust {package.rust_version}; the newest releases of what "
            "the allocators are built with (cc, libc) need 1.65",
            remedy='let cargo choose older ones, with resolver.incompatible-rust-versions = "fallback"',
        )
    if len(crates) > 1:
        yield Finding(
            code="exclusive-features",
            level=Level.NOTE,
            seen="one program has one allocator, so --all-features stops at a compile_error! that says so",
            remedy="where a build or a test uses --all-features, name the features instead",
        )
    for rival in there.rivals:
        yield Finding(
            code="declared-before",
            level=Level.NOTE,
            seen=f"{rival.place} declares a global allocator where {rival.condition}; it stays as it is",
            remedy="a build that would have both stops at a compile_error! that names the place",
        )


def _afterwards(package: Package, feature: Feature, settings: Settings) -> Iterator[Afterwards]:
    names = " and ".join(other.name for other in FEATURES if other != feature)
    build = ("cargo", "build", "--release", "--manifest-path", package.manifest_path)
    yield Afterwards(
        purpose=f"To build it (the other features: {names}):",
        words=build if settings.default else (*build, "--features", feature.name),
    )
    yield Afterwards(
        purpose="To see which builds are served by what:", words=("heapswap", "inspect", package.manifest_path)
    )
    yield Afterwards(
        purpose="To measure the builds against each other:", words=("heapswap", "trial", "--cargo", str(package.folder))
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])
