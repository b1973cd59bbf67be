"""Whether a deployment to a package does what it is for: what the sources choose, and what was built last."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from heapswap import elf
from heapswap.allocators.spelling import parse
from heapswap.cargo.graph import kind_of, programs
from heapswap.cargo.inspect import choice
from heapswap.cargo.project import projects
from heapswap.deploy.cargo.plan import feature_of
from heapswap.deploy.model import Holds, Plan, Proof
from heapswap.elf import NotElf
from heapswap.inspection.identity import identify


def proofs(plan: Plan, environ: Mapping[str, str]) -> Iterator[Proof]:
    """What the compiler will see with the candidate's feature, and what is in the programs that are there.

    Raises:
        CannotGoOn: cargo cannot make the project's graph.
    """
    feature = feature_of(parse(plan.candidate))
    family = parse(plan.candidate).library
    (project,) = projects(Path(plan.place), environ)
    for target in programs(project.package):
        if kind_of(target) != "bin":
            continue
        chosen = choice(project, target, (feature.name,)).allocator
        holds = chosen == family
        yield Proof(
            code="source",
            holds=Holds.YES if holds else Holds.NO,
            seen=f"{target.name}, built with the feature {feature.name}, "
            + (f"is served by {chosen}" if chosen else "declares two allocators, or none that builds"),
            remedy="" if holds else f"see heapswap inspect {project.manifest}",
        )
        yield _built(Path(project.metadata.target_directory, "release", target.name), family, feature.name)


def _built(program: Path, family: str, feature: str) -> Proof:
    """Symbols of the program in the release folder, if one is there. A stripped one tells nothing."""
    build = f"cargo build --release --features {feature}"
    try:
        inside = {one.family for one in identify(elf.read(str(program)))}
    except (NotElf, OSError):
        return Proof(code="build", holds=Holds.UNKNOWN, seen=f"{program} is not built", remedy=build)
    if family in inside:
        return Proof(code="build", holds=Holds.YES, seen=f"{program} holds {family}, by its symbols")
    return Proof(
        code="build",
        holds=Holds.UNKNOWN,
        seen=f"{program} bears no symbol of {family}: built without the feature, or stripped",
        remedy=f"{build}, and give the number of its process with --pid",
    )
