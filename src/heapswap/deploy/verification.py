"""Is a deployment as planned, and in force? Files are compared, processes inspected, programs run under the witness.

One function a kind of proof; which of them a target takes is told in `proofs`.
"""

import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from heapswap.allocators import knobs
from heapswap.allocators.activation import PRELOAD, activate
from heapswap.allocators.model import Activation
from heapswap.allocators.spelling import parse
from heapswap.deploy import env, files, lines
from heapswap.deploy.cargo.proof import proofs as cargo_proofs
from heapswap.deploy.model import Holds, Plan, Proof, Target
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn
from heapswap.findings import Level
from heapswap.inspection.drift import Outcome, State, judge, outcome
from heapswap.inspection.inspect import inspect_program
from heapswap.inspection.tree import descendants, observe, parent_of
from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.force import LIBC
from heapswap.trials.model import Outcome as RunOutcome
from heapswap.trials.model import Slot, Stage

_DECLARED = "import heapswap; heapswap.global_allocator(); import os; os.execvp('env', ['env'])"
"""a program that is what an entry point is, as far as its first line goes; it then tells its environment"""
_CGROUPS = ("sys/fs/cgroup/system.slice", "sys/fs/cgroup/systemd/system.slice")


def proofs(plan: Plan, pid: int | None, environ: Mapping[str, str], root: Path) -> Iterator[Proof]:
    """Every proof that this machine can give.

    Args:
        pid: a process of the deployed program; None: what can be found or tried without one.
        environ: the environment that programs are tried in.
        root: of the system that services belong to.
    """
    yield written(plan)
    if pid is not None:
        yield process(pid, plan.candidate)
        return
    match plan.target:
        case Target.PYTHON:
            place = Path(plan.place)
            directory = place if place.is_dir() else place.parent
            yield command((sys.executable, "-c", _DECLARED), environ, directory, activate(parse(plan.candidate)))
        case Target.ENV:
            yield _environment(plan, environ)
        case Target.SYSTEMD:
            yield _service(plan, root)
        case Target.CARGO:
            yield from cargo_proofs(plan, environ)
        case Target.RUSTC:
            yield _compiler(Path(plan.place))
        case _:
            yield Proof(
                code="process",
                holds=Holds.UNKNOWN,
                seen="nothing of it runs that could be looked at from here",
                remedy="start it, and give the number of its process with --pid",
            )


def written(plan: Plan) -> Proof:
    """Whether every file is as planned."""
    other = [action.path for action in plan.actions if files.content(Path(action.path)) != action.after]
    if other:
        return Proof(
            code="files",
            holds=Holds.NO,
            seen=f"not as deployed: {', '.join(other)}",
            remedy="see what differs without --verify, and make it so with --apply",
        )
    return Proof(code="files", holds=Holds.YES, seen=f"{len(plan.actions)} file(s) are as deployed")


def process(pid: int, candidate: str) -> Proof:
    """Whether a candidate is in force in a running process and everything below it, as `heapswap check` sees it.

    Raises:
        CannotGoOn: there is no such process, or it may not be read.
    """
    return _judged(descendants(pid), candidate)


def _judged(tree: Iterable[tuple[int, int]], candidate: str) -> Proof:
    activation = activate(parse(candidate))
    observed = [found for pid, parent in tree if (found := observe(pid, parent, activation)) is not None]
    judged = judge(candidate, observed)
    served = [one for one in judged if one.state is State.IN_FORCE]
    if outcome(judged) is Outcome.IN_FORCE:
        seen = f"{len(served)} of {len(judged)} process(es) served by {served[0].allocator}, and none has lost it"
        return Proof(code="process", holds=Holds.YES, seen=seen)
    errors = [finding for one in judged for finding in one.findings if finding.level is Level.ERROR]
    seen = errors[0].seen if errors else f"no process is served by {candidate}"
    return Proof(code="process", holds=Holds.NO, seen=seen, remedy="start it anew; heapswap check tells more")


def command(argv: tuple[str, ...], environ: Mapping[str, str], directory: Path, activation: Activation) -> Proof:
    """Run a program that ends by printing its environment: whose malloc answered in it, and what it was given."""
    library = activation.library
    with tempfile.TemporaryDirectory(prefix="heapswap-verify-") as folder, LaunchExecutor() as executor:
        run = executor.execute(
            Order(
                slot=Slot(stage=Stage.WARM_UP, block=0, position=0, candidate=str(activation.candidate)),
                program=argv[0],
                argv=argv,
                environ=environ,
                directory=str(directory),
                stdin=os.devnull,
                timeout=60,
                accepted=(0,),
                metrics=(),
                folder=Path(folder),
                expected=os.path.realpath(library.path) if library else LIBC,
            )
        )
        printed = (Path(folder) / "stdout").read_bytes().decode(errors="replace")
    shown = shlex.join(argv if len(argv) < 3 else (*argv[:2], "…"))
    if run.outcome is not RunOutcome.COMPLETED:
        said = [finding.seen for finding in run.findings] or run.log.strip().splitlines()[-1:] or [str(run.outcome)]
        return Proof(code="command", holds=Holds.NO, seen=f"{shown}: {said[0]}", remedy="deploy again with --apply")
    given = dict(row.split("=", 1) for row in printed.splitlines() if "=" in row)
    if lacking := [name for name, value in activation.variables if not _reaches(name, value, given)]:
        seen = f"{shown}: {lacking[0]} is {given.get(lacking[0], 'not set')}"
        return Proof(code="command", holds=Holds.NO, seen=seen, remedy="see what else sets it, and deploy again")
    owner = library.path if library else "the C library"
    return Proof(code="command", holds=Holds.YES, seen=f"tried: {shown} is served by {owner}, with its settings")


def _reaches(name: str, value: str, given: Mapping[str, str]) -> bool:
    form = knobs.list_form(name)
    if form is None:
        return given.get(name) == value
    return set(value.split(form[0])) <= set(given.get(name, "").split(form[0]))


def _environment(plan: Plan, environ: Mapping[str, str]) -> Proof:
    """A program under the file, as a shell that sources it or a reader that takes its lines starts one."""
    path = Path(plan.place)
    text = lines.text(Tree().required(path, "a file that is there"), path)
    activation = activate(parse(plan.candidate))
    plain = {name: value for name, value in environ.items() if name not in (PRELOAD, *dict(activation.variables))}
    if env.guessed(path, text) is env.Form.SHELL:
        script = f". {shlex.quote(str(path))}; exec env"
        return command(("/bin/sh", "-c", script), plain, path.parent, activation)
    read = {one.name: one.value for one in env.assignments(text) if one.value is not None}
    return command(("/usr/bin/env",), {**plain, **read}, path.parent, activation)


def _service(plan: Plan, root: Path) -> Proof:
    """The processes of a service, as the kernel groups them."""
    name = Path(plan.place).name.removesuffix(".d")
    for folder in _CGROUPS:
        try:
            pids = [int(word) for word in (root / folder / name / "cgroup.procs").read_text().split()]
        except OSError:
            continue
        tree = [(pid, parent) for pid in pids if (parent := parent_of(pid)) is not None]
        return _judged(tree, plan.candidate) if tree else _idle(name)
    return _idle(name)


def _idle(name: str) -> Proof:
    return Proof(
        code="process",
        holds=Holds.UNKNOWN,
        seen=f"{name} does not run here",
        remedy=f"systemctl daemon-reload, systemctl restart {name}, then verify again; or give --pid",
    )


def _compiler(root: Path) -> Proof:
    """The compiler that was built last, if any."""
    built = [*root.glob("build/*/stage2/bin/rustc"), *root.glob("build/*/stage1/bin/rustc")]
    for path in built:
        try:
            inspection = inspect_program(str(path), {}, str(root))
        except CannotGoOn:
            continue
        holds = inspection.allocator == "jemalloc"
        return Proof(
            code="build",
            holds=Holds.YES if holds else Holds.NO,
            seen=f"{path} is served by {inspection.allocator or 'an allocator that cannot be told'}",
            remedy="" if holds else "build it anew: ./x.py build",
        )
    return Proof(
        code="build", holds=Holds.UNKNOWN, seen="no compiler is built in this tree", remedy="build it: ./x.py build"
    )
