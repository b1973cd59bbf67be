"""The proofs of a deployment to a package: from its sources, and from what was built last."""

import shutil
from dataclasses import replace
from pathlib import Path

from heapswap.cargo.project import projects
from heapswap.deploy.cargo.plan import Settings, plan
from heapswap.deploy.cargo.proof import proofs
from heapswap.deploy.model import Holds, Plan
from heapswap.deploy.tree import Tree
from tests.cargo.projects import MAIN, declaration, environ, package
from tests.deploy.support import chosen

SOURCE = MAIN + declaration("A", 'feature = "mimalloc"').replace("std::alloc::System", "mimalloc::MiMalloc")


def planned(folder: Path) -> Plan:
    (project,) = projects(folder, environ())
    return plan(project, chosen("jemalloc"), Tree(), Settings())


def test_what_the_sources_choose_is_told_and_what_is_not_built_is_unknown(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": SOURCE}, manifest="[features]\nmimalloc = []\njemalloc = []\n")
    made = replace(planned_with(folder), candidate="mimalloc")
    source, build = proofs(made, environ())
    assert (source.holds, source.seen) == (Holds.YES, "app, built with the feature mimalloc, is served by mimalloc")
    assert (build.code, build.holds) == ("build", Holds.UNKNOWN)
    assert "is not built" in build.seen
    source, _ = proofs(replace(made, candidate="jemalloc"), environ())
    assert source.holds is Holds.NO


def test_a_program_without_the_symbols_is_no_proof(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": SOURCE}, manifest="[features]\nmimalloc = []\n")
    (folder / "target" / "release").mkdir(parents=True)
    shutil.copy("/bin/true", folder / "target" / "release" / "app")
    _, build = proofs(replace(planned_with(folder), candidate="mimalloc"), environ())
    assert build.holds is Holds.UNKNOWN
    assert "bears no symbol of mimalloc" in build.seen


def planned_with(folder: Path) -> Plan:
    return replace(planned(package(folder.parent / "other", {"src/main.rs": MAIN})), place=str(folder))
