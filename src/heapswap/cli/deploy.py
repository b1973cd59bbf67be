"""`heapswap deploy`: put a choice into a project, a container or a service; shown first, verified after, revertible."""

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from heapswap import artifact
from heapswap.allocators.spelling import parse
from heapswap.aside import say
from heapswap.cargo.project import package_at, projects
from heapswap.cli.main import TYPE_CHECKING
from heapswap.cli.output import standard_output
from heapswap.deploy import choice, env, rustc
from heapswap.deploy.cargo import plan as cargo
from heapswap.deploy.deployments import Receipts, apply, revert
from heapswap.deploy.docker import plan as docker
from heapswap.deploy.docker.layers import Scope
from heapswap.deploy.docker.supply import Supply
from heapswap.deploy.model import Choice, Deployment, Holds, Plan, Target, Verification
from heapswap.deploy.python import plan as python
from heapswap.deploy.systemd import plan as systemd
from heapswap.deploy.tree import Tree, state
from heapswap.deploy.verification import proofs
from heapswap.dispositions import environment_at_start
from heapswap.errors import CannotGoOn, Misuse
from heapswap.report import plan as report
from heapswap.report.terminal import colour_of, width_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

PLACES = {
    Target.PYTHON: ("PATH", "a project's folder, or a script"),
    Target.CARGO: ("FOLDER", "a Rust package, or a workspace with --package"),
    Target.DOCKER: ("PATH", "a Dockerfile, or the folder of one"),
    Target.SYSTEMD: ("UNIT", "a service of systemd's system manager"),
    Target.ENV: ("FILE", "a file of variables, or - for standard output"),
    Target.RUSTC: ("FOLDER", "the root of the Rust compiler's source tree"),
}
"""each target's place, and what it is"""

IMPLIED = {Target.RUSTC: "jemalloc", Target.CARGO: "mimalloc"}
"""the candidate of a target that knows only one, or makes several choosable"""


PLACING = frozenset(("root", "package"))
"""arguments that say where, beside the place itself"""


class Step(StrEnum):
    """What is done with a plan."""

    SHOW = "show"
    APPLY = "apply"
    VERIFY = "verify"
    REVERT = "revert"
    FORGET = "forget"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add a parser for every target."""
    targets = parser.add_subparsers(dest="target", metavar="TARGET", required=True)
    own: dict[Target, Callable[[argparse.ArgumentParser], None]] = {
        Target.PYTHON: _python,
        Target.CARGO: _cargo,
        Target.DOCKER: _docker,
        Target.SYSTEMD: _systemd,
        Target.ENV: _env,
    }
    for target, (place, meaning) in PLACES.items():
        parser = _target(targets, target, place, meaning)
        if target in own:
            own[target](parser)


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Show a plan, or carry it out, or take it back.

    Raises:
        Misuse: no candidate, or two.
        CannotGoOn: the verdict does not say adopt, or a file is not as it has to be.
    """
    if command is not None:
        raise Misuse("'heapswap deploy' takes no command; leave out what follows --")
    target, receipts = Target(arguments.target), Receipts(folder=artifact.state_folder(os.environ) / "deployments")
    place = _place(target, arguments)
    deployed = receipts.load(target, place)
    match Step(arguments.step):
        case Step.FORGET:
            return _forget(deployed, target, place, receipts)
        case Step.REVERT:
            return _revert(deployed, target, place, receipts)
        case Step.VERIFY:
            return _verify(arguments, target, place, deployed)
        case step:
            plan = whole(arguments, place, _chosen(arguments, target), Tree(deployed))
            if step is Step.APPLY and not plan.printed:
                with receipts.held():
                    apply(plan, deployed, receipts)
            return _show(plan, arguments, step)


def whole(arguments: argparse.Namespace, place: str, chosen: Choice, tree: Tree) -> Plan:
    """The plan of a target, with what it takes back of an earlier one."""
    plan = planned(arguments, place, chosen, tree)
    return replace(plan, actions=plan.actions + tree.leftovers(plan.actions))


def planned(arguments: argparse.Namespace, place: str, chosen: Choice, tree: Tree) -> Plan:
    """The plan of a target, from its own options."""
    match Target(arguments.target):
        case Target.PYTHON:
            return python.plan(Path(place), chosen, tree, tuple(map(Path, arguments.entry or ())))
        case Target.CARGO:
            settings = cargo.Settings(programs=tuple(arguments.bin), default=arguments.default)
            (project,) = projects(Path(place), environment_at_start())
            return cargo.plan(project, chosen, tree, settings)
        case Target.DOCKER:
            wish = docker.Wish(
                context=Path(arguments.context) if arguments.context else None,
                stage=arguments.stage,
                scope=Scope(arguments.scope) if arguments.scope else None,
                supply=Supply(arguments.library) if arguments.library else None,
            )
            return docker.plan(Path(place), chosen, tree, wish)
        case Target.SYSTEMD:
            return systemd.plan(arguments.place, chosen, tree, Path(arguments.root or os.sep).resolve())
        case Target.ENV:
            form = env.Form(arguments.form) if arguments.form else None
            return env.plan(place, chosen, tree, form)
        case Target.RUSTC:
            return rustc.plan(Path(place), chosen, tree)
        case target:
            raise Misuse(f"no target '{target}'; choose from {', '.join(PLACES)}")


def _target(
    targets: "_SubParsersAction[argparse.ArgumentParser]",
    target: Target,
    place: str,
    meaning: str,
) -> argparse.ArgumentParser:
    parser = targets.add_parser(target, help=meaning)
    parser.add_argument("place", metavar=place, help=meaning)
    parser.add_argument("candidate", metavar="CANDIDATE", nargs="?", help="what to deploy, such as mimalloc")
    parser.add_argument("--from", metavar="VERDICT", dest="verdict", help="deploy what this verdict.json adopted")
    steps = parser.add_mutually_exclusive_group()
    helps = {
        Step.APPLY: "make the changes",
        Step.VERIFY: "see whether it is as deployed, and in force; exit status 1 where it is not",
        Step.REVERT: "take back what was deployed there, byte for byte",
        Step.FORGET: "drop the receipt of what was deployed there, and change nothing",
    }
    steps.add_argument(
        "--dry-run", dest="step", action="store_const", const=Step.SHOW, help="show the changes and make none (default)"
    )
    for step, text in helps.items():
        steps.add_argument(f"--{step}", dest="step", action="store_const", const=step, help=text)
    parser.set_defaults(step=Step.SHOW)
    parser.add_argument("--pid", metavar="PID", type=int, help="with --verify: a process of the deployed program")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    return parser


def _python(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--entry", metavar="FILE", action="append", help="an entry point (default: found; may be repeated)"
    )


def _cargo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--package", metavar="NAME", default="", help="which package of a workspace")
    parser.add_argument(
        "--bin",
        metavar="NAME",
        action="append",
        default=[],
        help="a program that is given the choice (default: every one of the package; may be repeated)",
    )
    parser.add_argument(
        "--default", action="store_true", help="the candidate's feature becomes a default feature of the package"
    )


def _docker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--context", metavar="FOLDER", help="what is built from (default: the Dockerfile's folder)")
    parser.add_argument("--stage", metavar="NAME", default="", help="name or number of the stage (default: the last)")
    parser.add_argument(
        "--scope",
        choices=tuple(Scope),
        help="the service alone, or everything in a container (default: the service where that can be done)",
    )
    parser.add_argument(
        "--library",
        choices=tuple(Supply),
        help="copied from this installation, or a Debian package (default: the very library that was tried)",
    )


def _systemd(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root", metavar="FOLDER", default="", help="the root of the system that is changed (default: /)"
    )


def _env(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--form", choices=tuple(env.Form), help="who reads the file (default: told by name and content)"
    )


def _place(target: Target, arguments: argparse.Namespace) -> str:
    """What the deployment is kept under: a real path, and of a workspace the package's."""
    place: str = arguments.place
    if target is Target.CARGO:
        return str(package_at(Path(place), arguments.package, environment_at_start()).folder.resolve())
    if target is Target.DOCKER:
        return str(docker.file_of(Path(place)))
    if target is Target.SYSTEMD:
        return str(systemd.folder(place, Path(arguments.root or os.sep).resolve()))
    return place if target is Target.ENV and place == env.PRINTED else os.path.realpath(place)


def _chosen(arguments: argparse.Namespace, target: Target) -> Choice:
    """The one candidate that was asked for."""
    if arguments.verdict and arguments.candidate:
        raise Misuse(f"both {arguments.candidate} and --from {arguments.verdict} choose; leave one of them out")
    if arguments.verdict:
        path = Path(arguments.verdict)
        path = path / "verdict.json" if path.is_dir() else path
        try:
            return choice.adopted(path.read_bytes(), str(path))
        except OSError as error:
            raise CannotGoOn(f"{path} cannot be read: {error.strerror}; give the verdict.json of a trial") from None
    if arguments.candidate or target in IMPLIED:
        return choice.named(arguments.candidate or IMPLIED[target])
    raise Misuse("nothing to deploy; name a candidate, or give the verdict of a trial with --from verdict.json")


def _show(plan: Plan, arguments: argparse.Namespace, step: Step) -> int:
    with standard_output("give it a file with room") as stream:
        width, colour = width_of(stream, os.environ), colour_of(stream, os.environ)
        if arguments.json:
            stream.write(report.plan_json(plan, state(plan.actions)).decode() + "\n")
        elif plan.printed:
            stream.write(plan.printed)
            for finding in plan.findings:
                say(f"{finding.level}: {finding.seen}; {finding.remedy}")
        else:
            command = ("heapswap", "deploy", arguments.target, arguments.place)
            commands = report.Commands(
                apply=(*command, *_words(arguments, frozenset(vars(arguments))), "--apply"),
                verify=(*command, *_words(arguments, PLACING), "--verify"),
                revert=(*command, *_words(arguments, PLACING), "--revert"),
            )
            stream.write(report.plan_text(plan, commands, applied=step is Step.APPLY, width=width, colour=colour))
    return 0


def _words(arguments: argparse.Namespace, among: frozenset[str]) -> tuple[str, ...]:
    """What was asked for by these arguments, as it is typed."""
    given = {name: value for name, value in vars(arguments).items() if name in among and value}
    words = [given.pop("candidate")] if "candidate" in given else []
    words += ["--from", given.pop("verdict")] if "verdict" in given else []
    for name, value in given.items():
        if name not in ("target", "place", "step", "json", "pid"):
            values = value if isinstance(value, list) else [value]
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [word for one in values for word in (flag, str(one))]
    return tuple(words)


def _verify(arguments: argparse.Namespace, target: Target, place: str, deployed: Deployment | None) -> int:
    """Look whether a deployment holds. Without a candidate, the one that the receipt names."""
    asked = arguments.candidate or arguments.verdict
    if not asked and deployed is None:
        raise CannotGoOn(f"nothing is deployed to {place} that this user's heapswap knows of; name the candidate")
    if deployed is not None and not asked:
        chosen = Choice(candidate=parse(deployed.candidate), asked="the receipt", evidence=deployed.evidence)
    else:
        chosen = _chosen(arguments, target)
    plan = whole(arguments, place, chosen, Tree(deployed))
    if plan.printed:
        raise Misuse("what is printed is in force where a shell evaluates it; verify a file, or heapswap inspect PID")
    root = Path(getattr(arguments, "root", "") or os.sep).resolve()
    verified = Verification(
        target=target,
        place=place,
        candidate=plan.candidate,
        proofs=tuple(proofs(plan, arguments.pid, environment_at_start(), root)),
    )
    with standard_output("give it a file with room") as stream:
        if arguments.json:
            stream.write(artifact.encode(artifact.readable(verified)).decode() + "\n")
        else:
            width, colour = width_of(stream, os.environ), colour_of(stream, os.environ)
            stream.write(report.verification_text(verified, width=width, colour=colour))
    return 1 if verified.holds is Holds.NO else 0


def _revert(deployed: Deployment | None, target: Target, place: str, receipts: Receipts) -> int:
    if deployed is None:
        raise CannotGoOn(
            f"nothing is deployed to {place} that this user's heapswap knows of; {target} receipts are in "
            f"{receipts.folder}"
        )
    with receipts.held():
        changed = revert(deployed, receipts)
    with standard_output("it is reverted") as stream:
        stream.writelines(f"{path}: as it was without {deployed.candidate}\n" for path in changed)
        if not changed:
            stream.write(f"{place}: was without {deployed.candidate} already\n")
    return 0


def _forget(deployed: Deployment | None, target: Target, place: str, receipts: Receipts) -> int:
    if deployed is None:
        raise CannotGoOn(f"there is no receipt for {place} to drop; nothing was changed")
    with receipts.held():
        receipts.forget(target, place)
    with standard_output("the receipt is dropped") as stream:
        stream.write(f"{place}: the receipt is dropped; what was deployed stays, and is yours to take back\n")
    return 0
