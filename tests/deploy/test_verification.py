"""Whether a deployment holds: files as planned, programs tried, running processes looked at."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from heapswap.deploy import env, rustc
from heapswap.deploy.deployments import Receipts, apply
from heapswap.deploy.docker import plan as docker
from heapswap.deploy.model import Holds, Plan, Proof
from heapswap.deploy.python import plan as python
from heapswap.deploy.systemd import plan as systemd
from heapswap.deploy.tree import Tree
from heapswap.deploy.verification import proofs
from tests.deploy.support import chosen
from tests.deploy.systemd.test_plan import service
from tests.deploy.trees import MIDDLE, tree
from tests.native.support import library

ENVIRON = {"PATH": os.environ["PATH"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "state").mkdir()
    return tmp_path / "project"


def applied(folder: Path, plan: Plan) -> Plan:
    apply(plan, None, Receipts(folder=folder.parent / "state"))
    return plan


def looked_at(
    plan: Plan, environ: dict[str, str] | None = None, pid: int | None = None, root: Path = Path("/")
) -> dict[str, Proof]:
    return {proof.code: proof for proof in proofs(plan, pid, environ or ENVIRON, root)}


@contextmanager
def running(**variables: str) -> Iterator[int]:
    """A process that sleeps, once it has become the program."""
    with subprocess.Popen(["sleep", "60"], env={**ENVIRON, **variables}) as sleeper:
        try:
            while Path(f"/proc/{sleeper.pid}/comm").read_text() != "sleep\n":
                time.sleep(0.01)
            yield sleeper.pid
        finally:
            sleeper.kill()


@pytest.mark.parametrize("form", [env.Form.SHELL, env.Form.DOTENV])
@pytest.mark.parametrize("spelling", ["jemalloc:narenas=2", "system:arena_max=2"])
def test_a_file_of_variables_is_tried(form: env.Form, spelling: str, folder: Path) -> None:
    file = folder / ("x.sh" if form is env.Form.SHELL else ".env")
    plan = applied(folder, env.plan(str(file), chosen(spelling), Tree(), form))
    found = looked_at(plan)
    assert [proof.holds for proof in found.values()] == [Holds.YES, Holds.YES], found
    file.write_text("export LD_PRELOAD=\nMALLOC_ARENA_MAX=3\n")
    found = looked_at(plan)
    assert [proof.holds for proof in found.values()] == [Holds.NO, Holds.NO], found


def test_a_knob_that_something_else_sets_is_seen(folder: Path) -> None:
    file = folder / "x.sh"
    plan = applied(folder, env.plan(str(file), chosen("system:arena_max=2"), Tree()))
    file.write_text(file.read_text() + "MALLOC_ARENA_MAX=9\n")
    assert looked_at(plan)["command"].seen.endswith("MALLOC_ARENA_MAX is 9")


def test_the_declaration_of_a_python_project_is_tried(folder: Path) -> None:
    (folder / "job.py").write_text("print(1)\n")
    plan = applied(folder, python.plan(folder / "job.py", chosen("mimalloc"), Tree()))
    assert looked_at(plan)["command"].holds is Holds.YES
    (folder / "heapswap.toml").unlink()
    found = looked_at(plan)
    assert (found["files"].holds, found["command"].holds) == (Holds.NO, Holds.NO)
    assert "heapswap.toml" in found["files"].seen


def test_a_process_is_looked_at(folder: Path) -> None:
    (folder / "Dockerfile").write_text("FROM debian:12\nCMD env\n")
    plan = applied(folder, docker.plan(folder, chosen("mimalloc"), Tree()))
    assert looked_at(plan)["process"].holds is Holds.UNKNOWN
    with running(LD_PRELOAD=str(library("mimalloc"))) as pid:
        assert looked_at(plan, pid=pid)["process"].holds is Holds.YES
    with running(LD_PRELOAD=str(library("jemalloc"))) as pid:
        proof = looked_at(plan, pid=pid)["process"]
        assert proof.holds is Holds.NO
        assert f"(PID {pid}) runs without mimalloc: malloc is that of {library('jemalloc')}" in proof.seen
    with running() as pid:
        assert looked_at(plan, pid=pid)["process"].holds is Holds.NO
        knobs = replace(plan, candidate="system:arena_max=2")
        assert looked_at(knobs, pid=pid)["process"].holds is Holds.NO
    with running(MALLOC_ARENA_MAX="2") as pid:
        assert looked_at(knobs, pid=pid)["process"].holds is Holds.YES


def test_the_processes_of_a_service_are_looked_at(folder: Path) -> None:
    service(folder)
    plan = applied(folder, systemd.plan("shop", chosen("mimalloc"), Tree(), folder))
    assert looked_at(plan, root=folder)["process"].holds is Holds.UNKNOWN
    group = folder / "sys/fs/cgroup/system.slice/shop.service/cgroup.procs"
    group.parent.mkdir(parents=True)
    group.write_text("")
    assert looked_at(plan, root=folder)["process"].holds is Holds.UNKNOWN
    with running(LD_PRELOAD=str(library("mimalloc"))) as served, running() as other:
        group.write_text(f"{served}\n")
        assert looked_at(plan, root=folder)["process"].holds is Holds.YES
        group.write_text(f"{served}\n{other}\n")
        assert looked_at(plan, root=folder)["process"].holds is Holds.NO


def test_the_compiler_that_was_built_is_looked_at(folder: Path) -> None:
    plan = applied(folder, rustc.plan(tree(folder, MIDDLE), chosen("jemalloc"), Tree()))
    assert looked_at(plan)["build"].holds is Holds.UNKNOWN
    built = folder / "build/host/stage1/bin"
    built.mkdir(parents=True)
    (built / "rustc").symlink_to("/bin/true")
    assert looked_at(plan)["build"].holds is Holds.NO
