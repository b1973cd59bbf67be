"""`heapswap deploy`: put a choice into a project, a container or a service; shown first, verified after, revertible."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from heapswap import artifact
from heapswap.allocators.spelling import parse
from heapswap.aside import say
from heapswap.cargo.metadata import CargoFailed, manifest_at
from heapswap.cli.main import TYPE_CHECKING, Parser
from heapswap.cli.output import standard_output
from heapswap.cli.targets import CHOOSING, OPTIONS, PLACES, PLACING, place_of, planned
from heapswap.deploy import choice
from heapswap.deploy.deployments import Receipts, apply, revert
from heapswap.deploy.model import Choice, Deployment, Holds, Plan, Target, Verification
from heapswap.deploy.tree import Tree, state
from heapswap.deploy.verification import proofs
from heapswap.dispositions import environment_at_start
from heapswap.errors import CannotGoOn, Misuse
from heapswap.report import plan as report
from heapswap.report.lines import printable
from heapswap.report.terminal import colour_of, width_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

IMPLIED = {Target.RUSTC: "jemalloc", Target.CARGO: "mimalloc"}
"""the candidate of a target that knows only one, or makes several choosable"""


class Step(StrEnum):
    """What is done with a plan."""

    SHOW = "show"
    APPLY = "apply"
    VERIFY = "verify"
    REVERT = "revert"
    FORGET = "forget"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add a parser for every target."""
    targets = parser.add_subparsers(dest="target", metavar="TARGET", required=True, parser_class=_TargetParser)
    for target, (place, meaning) in PLACES.items():
        parser = _target(targets, target, place, meaning)
        if target in OPTIONS:
            OPTIONS[target](parser)


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Show a plan, or carry it out, or take it back.

    Raises:
        Misuse: no candidate, or two.
        CannotGoOn: the verdict does not say adopt, or a file is not as it has to be.
    """
    if command is not None:
        raise Misuse("'heapswap deploy' takes no command; leave out what follows --")
    target, receipts = Target(arguments.target), Receipts(folder=artifact.state_folder(os.environ) / "deployments")
    step = Step(arguments.step)
    with _reading():
        place = _place(target, arguments, step)
    match step:
        case Step.FORGET:
            return _forget(target, place, receipts)
        case Step.REVERT:
            return _revert(target, place, receipts)
        case Step.VERIFY:
            return _verify(arguments, target, place, receipts.load(target, place))
        case Step.APPLY:
            # Held before the first file is read: what another heapswap wrote in between would be taken for the user's.
            with receipts.held():
                deployed = receipts.load(target, place)
                plan = whole(arguments, place, _chosen(arguments, target), Tree(deployed))
                if not plan.printed:
                    apply(plan, deployed, receipts)
        case Step.SHOW:
            plan = whole(arguments, place, _chosen(arguments, target), Tree(receipts.load(target, place)))
    return _show(plan, arguments, step)


def whole(arguments: argparse.Namespace, place: str, chosen: Choice, tree: Tree) -> Plan:
    """The plan of a target, with what it takes back of an earlier one."""
    with _reading():
        plan = planned(arguments, place, chosen, tree)
    return replace(plan, actions=plan.actions + tree.leftovers(plan.actions))


def _place(target: Target, arguments: argparse.Namespace, step: Step) -> str:
    """The place; what is taken back need not be a project that cargo can read."""
    try:
        return place_of(target, arguments)
    except CargoFailed:
        if step not in (Step.REVERT, Step.FORGET) or arguments.package:
            raise
        return str(manifest_at(Path(arguments.place)).parent.resolve())


@contextmanager
def _reading() -> Iterator[None]:
    """Look at a project. Even to ask whether a file is there fails in a folder that may not be entered."""
    try:
        yield
    except OSError as error:
        raise CannotGoOn(f"{error.filename} cannot be read: {error.strerror}; nothing was changed") from None


class _TargetParser(Parser):
    """Takes the candidate wherever it stands: argparse looks for an optional word directly behind the place only."""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]  # as in argparse
        found, extras = super().parse_known_args(args, namespace)
        if len(extras) == 1 and not extras[0].startswith("-") and found.candidate is None:
            found.candidate = extras.pop()
        return found, extras


def _target(
    targets: "_SubParsersAction[_TargetParser]",
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


def _chosen(arguments: argparse.Namespace, target: Target) -> Choice:
    """The one candidate that was asked for."""
    if arguments.verdict and arguments.candidate:
        raise Misuse(f"both {arguments.candidate} and --from {arguments.verdict} choose; leave one of them out")
    if arguments.verdict:
        path = Path(arguments.verdict)
        try:
            path = path / "verdict.json" if path.is_dir() else path
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
                # The receipt knows what was chosen, and not how: a plan of other options is another plan.
                verify=(*command, *_words(arguments, frozenset(vars(arguments)) - CHOOSING), "--verify"),
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


def _revert(target: Target, place: str, receipts: Receipts) -> int:
    with receipts.held():
        deployed = receipts.load(target, place)
        if deployed is None:
            raise CannotGoOn(
                f"nothing is deployed to {place} that this user's heapswap knows of; {target} receipts are in "
                f"{receipts.folder}"
            )
        changed = revert(deployed, receipts)
    with standard_output("it is reverted") as stream:
        stream.writelines(printable(f"{path}: as it was without {deployed.candidate}") + "\n" for path in changed)
        if not changed:
            stream.write(f"{place}: was without {deployed.candidate} already\n")
        if target is Target.SYSTEMD and changed:
            stream.write("systemd knows of it after systemctl daemon-reload, the service after its next start\n")
    return 0


def _forget(target: Target, place: str, receipts: Receipts) -> int:
    """Drop a receipt, also a damaged one: there is no other way to go on without it."""
    with receipts.held():
        if not receipts.file(target, place).exists():
            raise CannotGoOn(f"there is no receipt for {place} to drop; nothing was changed")
        receipts.forget(target, place)
    with standard_output("the receipt is dropped") as stream:
        stream.write(f"{place}: the receipt is dropped; what was deployed stays, and is yours to take back\n")
    return 0
