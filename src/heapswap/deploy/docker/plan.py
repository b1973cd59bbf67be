"""``deploy docker PATH``: an image whose program runs under the choice, and whose build does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heapswap.deploy import lines
from heapswap.deploy.docker.dockerfile import Instruction, Stage, parse
from heapswap.deploy.docker.dockerignore import admitted
from heapswap.deploy.docker.image import Kind, ground
from heapswap.deploy.docker.layers import Scope, Site, Swap, context_files, edited, without_ours
from heapswap.deploy.docker.supply import ARCHITECTURES, Supply, architecture, means_of, pinned
from heapswap.deploy.model import Afterwards, Choice, Plan, Target
from heapswap.deploy.settings import added
from heapswap.deploy.tree import Tree
from heapswap.errors import Misuse
from heapswap.findings import Finding, Level
from heapswap.near import near

_SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a user may ask for beside the choice."""

    context: Path | None = None
    """the folder that is built from; None: the Dockerfile's"""
    stage: str = ""
    """name or number; empty: the last one"""
    scope: Scope | None = None
    """None: the service where that can be done"""
    supply: Supply | None = None
    """None: the very library that was tried, so copied where it is heapswap's own"""


def file_of(place: Path) -> Path:
    """The Dockerfile that a path means: itself, or the one in that folder."""
    return (place / "Dockerfile" if place.is_dir() else place).resolve()


def plan(place: Path, choice: Choice, tree: Tree, wish: Wish | None = None) -> Plan:
    """The plan for a Dockerfile, or for the one in a folder.

    Raises:
        Misuse: no such stage, a scope that cannot be had, or another allocator is preloaded there already.
        CannotGoOn: an image in which nothing can be preloaded, or a library that is not here.
    """
    wish = wish or Wish()
    path = file_of(place)
    root = (wish.context or path.parent).resolve()
    site = _site(path, root, tree.required(path, "a Dockerfile, or the folder of one"), wish.stage)
    means = means_of(choice.candidate, wish.supply, site.ground, site.stage)
    users = parse(without_ours(site.text), path)
    swap = Swap(
        means=means,
        variables=added(means.activation, users.environment(users.stages[site.stage.index]), choice.asked),
        own=added(means.activation, {}, choice.asked),
        start=None if wish.scope is Scope.IMAGE else _start(site),
    )
    if wish.scope is Scope.SERVICE and swap.start is None:
        raise Misuse(
            f"{path}: what starts the program comes from {site.ground.image}, or there is no shell; use --scope image"
        )
    extras = tuple(context_files(site, swap, tree))
    return Plan(
        target=Target.DOCKER,
        place=str(path),
        candidate=str(choice.candidate),
        evidence=choice.evidence,
        actions=(
            tree.change(path, edited(site, swap), _purpose(site, swap)),
            *extras,
            *admitted(root, path, [action.path for action in extras], tree),
        ),
        findings=(*_library(site, swap), *_reach(site, swap)),
        afterwards=tuple(_afterwards(path, root)),
    )


def _site(path: Path, root: Path, data: bytes, name: str) -> Site:
    dockerfile = parse(lines.text(data, path), path)
    stage: Stage | None = dockerfile.stage(name) if name else dockerfile.stages[-1]
    if stage is None:
        known = near(name, (stage.name or str(stage.index) for stage in dockerfile.stages))
        raise Misuse(f"{path} has no stage '{name}'; {known}")
    return Site(path=path, root=root, data=data, dockerfile=dockerfile, stage=stage, ground=ground(dockerfile, stage))


def _start(site: Site) -> Instruction | None:
    """The instruction that starts the program, where wrapping it changes nothing else; None where it would.

    A stage that inherits its ENTRYPOINT cannot write one without losing the CMD it inherits; and in front of a CMD
    may stand an ENTRYPOINT of the image that looks at its first word.
    """
    if site.ground.kind is Kind.BARE:
        return None
    own = {one.keyword: one for one in site.stage.instructions}
    inherited = {one.keyword for each in site.dockerfile.chain(site.stage)[:-1] for one in each.instructions}
    found = own.get("ENTRYPOINT")
    if found is None and "ENTRYPOINT" not in inherited and site.ground.plain:
        found = own.get("CMD")
    if found is None or found.exec_form == ():
        return None
    readable = found.exec_form is not None or found.keyword == "CMD" or Path(site.shell[0]).name in _SHELLS
    return found if readable else None


def _purpose(site: Site, swap: Swap) -> str:
    last = site.stage is site.dockerfile.stages[-1]
    what = "the program that the image starts" if swap.scope is Scope.SERVICE else "everything in a container"
    return f"{'the last stage' if last else f'stage {site.stage.name or site.stage.index}'}, for {what}"


def _library(site: Site, swap: Swap) -> Iterator[Finding]:
    library = swap.means.activation.library
    if swap.means.source and library is not None and not pinned(site.stage):
        here = architecture(library)
        other = next(name for name in ARCHITECTURES.values() if name != here)
        apt = ", or use --library apt" if site.ground.kind is Kind.DEBIAN else ""
        yield Finding(
            code="one-architecture",
            level=Level.NOTE,
            seen=f"the context gets the library for {here}; a build for {other} stops at COPY, it never runs without",
            remedy=f"run the same command on {other} too, it adds that one{apt}",
        )
    if swap.means.package:
        yield Finding(
            code="another-build",
            level=Level.WARNING,
            seen=f"{swap.means.package} is another build, perhaps of another version, than heapswap's own",
            remedy="try it too before it goes to production: heapswap trial, with its path as the candidate",
        )
    if "$" in site.ground.image:
        yield Finding(
            code="unknown-image",
            level=Level.WARNING,
            seen=f"the image is a build argument without a default: {site.ground.image}",
            remedy="it has to have glibc; with musl (Alpine) the build stops at the check",
        )


def _reach(site: Site, swap: Swap) -> Iterator[Finding]:
    """What else runs under it than the service."""
    if swap.scope is Scope.SERVICE:
        return
    yield Finding(
        code="whole-image",
        level=Level.NOTE,
        seen="everything in a container runs under it: health checks, docker exec, cron",
        remedy="docker run -e LD_PRELOAD= turns it off",
    )
    upon = [
        f"stage {later.name or later.index}"
        for later in site.dockerfile.stages[site.stage.index + 1 :]
        if site.stage in site.dockerfile.chain(later) and any(one.keyword == "RUN" for one in later.instructions)
    ]
    if any(one.keyword == "ONBUILD" for one in site.stage.instructions):
        upon.append("ONBUILD")
    for name in upon:
        yield Finding(
            code="built-upon",
            level=Level.WARNING,
            seen=f"{name} builds upon this stage, and its layers run under what ENV sets",
            remedy="deploy to the stage that runs in production, with --stage, or set LD_PRELOAD= for those layers",
        )


def _afterwards(path: Path, root: Path) -> Iterator[Afterwards]:
    file = () if path == root / "Dockerfile" else ("-f", str(path))
    yield Afterwards(purpose="Build the image:", words=("docker", "build", *file, str(root)))
    yield Afterwards(
        purpose="Of a running container, see whose malloc answers; its PID is what docker top prints:",
        words=("heapswap", "inspect", "PID"),
    )
