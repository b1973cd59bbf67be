"""`advise` and `trial` of a Cargo project: every candidate that is a feature becomes a build of the program."""

import argparse
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heapswap import artifact, elf
from heapswap.allocators.marks import MARKS
from heapswap.allocators.model import Candidate
from heapswap.allocators.spelling import CURRENT
from heapswap.cargo.build import Kind, Recipe, build
from heapswap.cargo.graph import kind_of, programs
from heapswap.cargo.inspect import choice
from heapswap.cargo.metadata import CargoFailed, Target
from heapswap.cargo.model import SYSTEM
from heapswap.cargo.project import Project, package_at, projects
from heapswap.cargo.scratch import Scratch, scratch
from heapswap.cargo.shadow import original
from heapswap.cli.entrants import Variants
from heapswap.deploy.cargo.plan import Settings, plan
from heapswap.deploy.cargo.supplies import FEATURES
from heapswap.deploy.model import Action, Choice
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, Misuse
from heapswap.inspection.identity import identify
from heapswap.units import format_duration
from heapswap.workload import Build, Metric

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a trial of builds runs."""

    program: str
    """the baseline: built without the features that are tried"""
    argv0: str
    variants: Variants
    source: tuple[str, ...]
    directory: str = ""
    """where the program runs; empty: where heapswap was started"""
    more: tuple[str, ...] = ()
    """arguments behind those that the user gave"""
    metrics: tuple[Metric, ...] = ()
    """what the program prints about itself"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is built."""
    what = parser.add_argument_group("a Rust project, built with each allocator as a Cargo feature")
    what.add_argument("--cargo", metavar="PATH", help="the package, or a workspace with --package")
    what.add_argument("--package", metavar="NAME", default="", help="which package of a workspace")
    which = what.add_mutually_exclusive_group()
    which.add_argument("--bin", metavar="NAME", help="which binary (default: the only one, or default-run)")
    which.add_argument("--bench", metavar="NAME", help="a benchmark instead of a binary")
    what.add_argument(
        "--features", metavar="LIST", default="", help="features that are on in every build, separated by commas"
    )


def refuse_without_project(arguments: argparse.Namespace) -> None:
    """Refuse options that say what of a project is built, where there is none.

    Raises:
        Misuse: one was given.
    """
    for name in ("package", "bin", "bench", "features"):
        if getattr(arguments, name):
            raise Misuse(f"--{name} is about a Rust project; give it with --cargo PATH")


def maker(
    arguments: argparse.Namespace,
    candidates: Sequence[Candidate],
    environ: Mapping[str, str],
    say: Say,
    started: str = "",
) -> Callable[[Path], Made]:
    """How to build a project for those of the candidates that are features of it.

    Args:
        started: the first word of what starts a service, which has to be the program; empty: no service.

    Raises:
        Misuse: the baseline is to be a feature, or the service is another program.
        CannotGoOn: no such package.
    """
    package = package_at(Path(arguments.cargo), arguments.package, environ)
    features = frozenset((*package.features, *(feature.name for feature in FEATURES))) - {"default"}
    if getattr(arguments, "baseline", CURRENT) in features:
        raise Misuse("with --cargo the baseline is the build without features; name features with --candidates")
    if started:
        _refuse_another_program(started, package.folder, arguments, environ)
    wanted = tuple(candidate for candidate in candidates if str(candidate) in features)
    return lambda folder: make(arguments, wanted, folder, environ, say)


def _refuse_another_program(
    started: str, folder: Path, arguments: argparse.Namespace, environ: Mapping[str, str]
) -> None:
    if arguments.bench:
        raise Misuse("--bench measures a benchmark, which ends by itself; name the binary that serves with --bin")
    target = _target(projects(folder, environ)[0], arguments)
    if Path(started).name != target.name:
        raise Misuse(
            f"the service starts '{started}', and what is built is '{target.name}'; let its command begin with "
            f"{target.name}, or name another binary with --bin"
        )


def make(
    arguments: argparse.Namespace, wanted: Sequence[Candidate], folder: Path, environ: Mapping[str, str], say: Say
) -> Made:
    """Build the program without and with every feature that is wanted; keep each executable below `folder`.

    The user's tree is left alone: it is copied, and where a feature is not there yet, deployed to the copy.

    Raises:
        CannotGoOn: no such package or program, no cargo, or the program does not build as it is.
    """
    package = package_at(Path(arguments.cargo), arguments.package, environ)
    (project,) = projects(package.folder, environ)
    target = _target(project, arguments)
    root, built = Path(project.metadata.workspace_root), Path(project.metadata.target_directory)
    with scratch(root, built, environ) as copy:
        there, refusal = _deployed(project, target, wanted, copy)
        target = _target(there, arguments)
        default, is_whole = _without_a_choice(there, target)
        maker = _Maker(
            project=there,
            target=target,
            common=(*default, *filter(None, arguments.features.split(","))),
            default=is_whole,
            copy=copy,
            folder=folder,
            environ=environ,
            say=say,
        )
        program = maker.program((), CURRENT)
        not_built: list[tuple[str, str]] = []
        builds: list[Build] = []
        for candidate in wanted:
            try:
                builds.append(maker.build(str(candidate)))
            except CargoFailed as error:
                missing = refusal if str(candidate) not in there.package.features else ""
                not_built.append((str(candidate), original(missing or str(error), copy.base)))
    return Made(
        program=str(program),
        argv0=target.name,
        variants=Variants(made=tuple(builds), failed=tuple(not_built)),
        source=_source(arguments, target, str(package.folder)),
        # As `cargo bench` starts it.
        directory=str(copy.at(package.folder)) if arguments.bench else "",
        more=("--bench",) if arguments.bench else (),
    )


def unchanged(builds: Iterable[Build]) -> tuple[Build, ...]:
    """Builds of an earlier trial, which must still be what they were.

    Raises:
        CannotGoOn: one is gone, or is another program now.
    """
    for build_ in builds:
        try:
            same = artifact.file_digest(Path(build_.program)) == build_.digest
        except OSError:
            same = False
        if not same:
            raise CannotGoOn(
                f"the trial cannot be continued: the build for {build_.candidate}, {build_.program}, is gone or was "
                "changed; start a new one"
            )
    return tuple(builds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    """Builds of one program in one copy."""

    project: Project
    target: Target
    common: tuple[str, ...]
    """features of every build"""
    default: bool
    """whether the default features are among them as they are"""
    copy: Scratch
    folder: Path
    environ: Mapping[str, str]
    say: Say

    def program(self, features: tuple[str, ...], name: str) -> Path:
        """The executable with these features, kept under this name."""
        recipe = self._recipe(features)
        how = f"with {' and '.join(features)}" if features else "as it is"
        self.say(f"Building {self.target.name} {how}, which is not measured.")
        started = time.monotonic()
        found = build(recipe, self.copy.target, self.environ)
        self.say(f"  It took {format_duration(time.monotonic() - started)}.")
        kept = self.folder / "builds" / name / self.target.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(found, kept)
        return kept

    def build(self, feature: str) -> Build:
        """The program with a feature, proven to carry the allocator that the feature chooses.

        Raises:
            CargoFailed: it does not build, or what was built does not carry it.
        """
        if feature not in self.project.package.features:
            raise CargoFailed(f"{self.project.package.name} has no feature {feature}, and it cannot be deployed")
        chosen = choice(self.project, self.target, (*self.common, feature), default=self.default)
        if chosen.allocator == SYSTEM:
            raise CargoFailed(f"the feature {feature} chooses no allocator for {self.target.name}")
        program = self.program((feature,), feature)
        families = {one.family for one in identify(elf.read(str(program)))}
        if chosen.allocator and not _carries(families, chosen.allocator):
            raise CargoFailed(f"what was built with {feature} does not hold {chosen.allocator}, by its symbols")
        return Build(
            candidate=feature,
            program=str(program),
            digest=artifact.file_digest(program),
            command=self._recipe((feature,)).words,
        )

    def _recipe(self, features: tuple[str, ...]) -> Recipe:
        return Recipe(
            manifest=self.project.manifest,
            kind=Kind.BENCH if kind_of(self.target) == "bench" else Kind.BIN,
            name=self.target.name,
            features=(*self.common, *features),
            default=self.default,
        )


def _carries(families: set[str], family: str) -> bool:
    """Whether symbols show a family. One that bears no mark cannot be told from its absence."""
    return family in families or family not in {mark.family for mark in MARKS}


def _without_a_choice(project: Project, target: Target) -> tuple[tuple[str, ...], bool]:
    """The default features that the baseline has, and whether they are all of them.

    One that chooses an allocator would be in every build, and nothing could be compared with it.
    """
    default = project.package.features.get("default", ())
    kept = tuple(name for name in default if choice(project, target, (name,), default=False).allocator == SYSTEM)
    return ((), True) if kept == tuple(default) else (kept, False)


def _deployed(project: Project, target: Target, wanted: Sequence[Candidate], copy: Scratch) -> tuple[Project, str]:
    """The project in the copy, with what is wanted deployed to it; or why that is not possible."""
    there, environ = copy.at(project.package.folder), project.environ
    missing = [candidate for candidate in wanted if str(candidate) not in project.package.features]
    actions: tuple[Action, ...] = ()
    try:
        if missing:
            chosen = Choice(candidate=missing[0], asked="the trial")
            actions = plan(project, chosen, Tree(), Settings(programs=(target.name,))).actions
        for action in actions:
            copy.write(Path(action.path), action.after)
        return projects(there, environ)[0], ""
    except CannotGoOn as error:
        # Packages that cannot be had keep nothing else from being tried.
        for action in actions:
            copy.write(Path(action.path), action.before)
        return projects(there, environ)[0], str(error)


def _target(project: Project, arguments: argparse.Namespace) -> Target:
    """The program that is meant.

    Raises:
        CannotGoOn: there is none of that name, or several and none is named.
    """
    kind = "bench" if arguments.bench else "bin"
    name = arguments.bench or arguments.bin or ""
    there = [target for target in programs(project.package) if kind_of(target) == kind]
    named = [target for target in there if target.name == (name or project.package.default_run or "")]
    if named or (len(there) == 1 and not name):
        return (named or there)[0]
    names = ", ".join(target.name for target in there) or "none"
    if not name and there:
        raise Misuse(f"{project.package.name} has several binaries; say which with --bin: {names}")
    what = f"no {kind} '{name}'" if name else "no binary to run"
    raise CannotGoOn(f"{project.package.name} has {what}; it has: {names}")


def _source(arguments: argparse.Namespace, target: Target, folder: str) -> tuple[str, ...]:
    features = ("--features", arguments.features) if arguments.features else ()
    return ("--cargo", folder, "--bench" if arguments.bench else "--bin", target.name, *features)
