"""A plan as text: what would change, as a diff, what to know, and what to type next; or as one JSON object."""

import hashlib
import os
from dataclasses import dataclass

import msgspec
from rich.text import Text

from heapswap import artifact
from heapswap.deploy.model import Action, Holds, Plan, State, Verification
from heapswap.deploy.tree import diff, state
from heapswap.report.findings import finding_lines
from heapswap.report.lines import heading, paragraph, printable
from heapswap.report.nextstep import Step, step_lines
from heapswap.report.terminal import Colour, render

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """What to type about a plan."""

    apply: tuple[str, ...]
    verify: tuple[str, ...]
    revert: tuple[str, ...]


def plan_text(plan: Plan, commands: Commands, *, applied: bool, width: int, colour: Colour = Colour.NEVER) -> str:
    """The plan for a person; `applied` tells that it was carried out just now."""
    standing = state(plan.actions)
    lines = paragraph(_headline(plan, standing, applied=applied), width)
    shown = [(action, diff(action)) for action in plan.actions]
    for action, change in shown:
        lines += _change_lines(action, change, width) if change else []
    if settled := [action for action, change in shown if not change]:
        lines.append(Text())
        for action in settled:
            lines += paragraph(f"{action.path}: {action.purpose}", width, first="  as planned: ", rest=" " * 4)
    if plan.findings:
        lines += [*heading("To know"), *finding_lines(plan.findings, width)]
    if steps := _next(plan, commands, standing):
        lines += [*heading("Next"), *step_lines(steps, width)]
    return render(lines, colour)


def plan_json(plan: Plan, standing: State) -> bytes:
    """The plan as JSON: the contents of files as diffs and digests."""
    head = msgspec.to_builtins(plan)
    head["state"] = standing.value
    head["actions"] = [_facts(action) for action in plan.actions]
    return artifact.encode(artifact.readable(head))


def _facts(action: Action) -> dict[str, object]:
    return {
        "path": action.path,
        "purpose": action.purpose,
        "change": _change(action),
        "mode": f"{action.mode:04o}",
        "before": _digest(action.before),
        "after": _digest(action.after),
        "diff": diff(action),
    }


def _change(action: Action) -> str:
    if action.before == action.after:
        return "none"
    if action.before is None:
        return "create"
    return "remove" if action.after is None else "replace"


def _digest(data: bytes | None) -> str | None:
    return None if data is None else "sha256:" + hashlib.sha256(data).hexdigest()


def _headline(plan: Plan, standing: State, *, applied: bool) -> str:
    what = f"{plan.candidate} to {plan.place} ({plan.target})"
    if applied:
        return f"Deployed {what}." if standing is State.APPLIED else f"There was nothing to deploy of {what}."
    match standing:
        case State.PENDING:
            return f"Would deploy {what}. Nothing is changed yet."
        case State.PARTLY:
            return f"{what} is deployed in part. The rest is not changed yet:"
        case State.APPLIED:
            return f"{what} is deployed: no file would change."
        case State.NOTHING_TO_DO:
            return f"{what} is there already, not by heapswap: no file would change."


def _change_lines(action: Action, change: str, width: int) -> list[Text]:
    lines = [Text(), *paragraph(f"{os.path.basename(action.path)}: {action.purpose}", width, rest="  ")]  # noqa: PTH119
    for line in change.split("\n")[:-1]:
        header = line.startswith(("--- ", "+++ "))
        lines.append(Text(printable(line), style="bold" if header else _STYLES.get(line[:1], "")))
    return lines


def _next(plan: Plan, commands: Commands, standing: State) -> tuple[Step, ...]:
    if standing in (State.PENDING, State.PARTLY):
        return (Step(purpose="To make these changes:", words=commands.apply),)
    after = tuple(Step(purpose=step.purpose, words=step.words) for step in plan.afterwards)
    if standing is State.NOTHING_TO_DO:
        return after
    return (
        *after,
        Step(purpose="To see whether it is in force:", words=commands.verify),
        Step(purpose="To take it back, byte for byte:", words=commands.revert),
    )


_HOLDS = {
    Holds.YES: "{candidate} is in force at {place} ({target}).",
    Holds.NO: "{candidate} is not in force at {place} ({target}).",
    Holds.UNKNOWN: "{candidate} is deployed to {place} ({target}); whether it is in force cannot be told from here.",
}


def verification_text(verified: Verification, *, width: int, colour: Colour = Colour.NEVER) -> str:
    """Whether a deployment holds, for a person: the answer, then each proof."""
    answer = _HOLDS[verified.holds].format(candidate=verified.candidate, place=verified.place, target=verified.target)
    lines = [*paragraph(answer, width), Text()]
    for proof in verified.proofs:
        lines += paragraph(proof.seen, width, first=f"  {proof.holds}: ", rest=" " * 4)
        if proof.remedy:
            lines += paragraph(proof.remedy, width, first="    -> ", rest=" " * 7)
    return render(lines, colour)
