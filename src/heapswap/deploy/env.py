"""``deploy env FILE``: the choice as environment variables, in a file that a shell sources or a dotenv reader reads.

A shell file gets lines at its end that add to whatever LD_PRELOAD is at that moment. A dotenv file has no such moment
(Docker reads it literally): what it sets is merged into its own lines.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from heapswap.allocators.activation import PRELOAD, activate
from heapswap.allocators.knobs import list_form
from heapswap.allocators.model import Activation, Origin
from heapswap.deploy import lines
from heapswap.deploy.model import Afterwards, Choice, Plan, Target
from heapswap.deploy.settings import added
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level

PRINTED = "-"
"""the place that is standard output"""


class Form(StrEnum):
    """Who reads the file."""

    SHELL = "shell"
    DOTENV = "dotenv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One line that sets a variable."""

    line: int
    """counted from 0"""
    name: str
    raw: str
    """the value as written"""

    @property
    def value(self) -> str | None:
        """The value as read; None where only a shell can tell it."""
        if re.search(r"[$`\\]", self.raw) and not self.raw.startswith("'"):
            return None
        try:
            return " ".join(shlex.split(self.raw, comments=True))
        except ValueError:
            return None


_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)=(?P<raw>.*)")
_PLAIN = re.compile(r"[\w./:,=@%+-]*", re.ASCII)


def plan(place: str, choice: Choice, tree: Tree, form: Form | None = None) -> Plan:
    """The plan for a file, or for standard output (``-``).

    Raises:
        Misuse: the file preloads another allocator already, or sets a knob to something else.
        CannotGoOn: the library is not here, or the file cannot be read or edited.
    """
    activation = activate(choice.candidate)
    whole = Plan(
        target=Target.ENV,
        place=PRINTED,
        candidate=str(choice.candidate),
        evidence=choice.evidence,
        actions=(),
        findings=_findings(activation),
    )
    if place == PRINTED:
        wanted = added(activation, {}, choice.asked)
        rows = shell_lines(wanted) if form is not Form.DOTENV else [_dotenv(name, wanted[name]) for name in wanted]
        return replace(whole, printed="\n".join(rows) + "\n")
    path = Path(place).absolute()
    data = tree.read(path) or b""
    form = form or guessed(path, lines.text(data, path))
    after = _edited(data, path, form, activation, choice)
    action = tree.change(path, after, f"variables of {choice.candidate}, as a {form} file")
    return replace(whole, place=action.path, actions=(action,), afterwards=(_afterwards(form, path),))


def guessed(path: Path, text: str) -> Form:
    """Whether a file is for a shell: by its name, else by what is in it."""
    if path.suffix in (".sh", ".bash", ".zsh", ".ksh", ".envrc") or path.name in (".envrc", ".profile", ".bashrc"):
        return Form.SHELL
    if path.name.startswith(".env") or path.suffix == ".env":
        return Form.DOTENV
    return Form.SHELL if re.search(r"^\s*(export|if|case|\.|source|set)\s", text, re.MULTILINE) else Form.DOTENV


def assignments(text: str) -> list[Assignment]:
    """Every line that sets a variable, in order; the last one of a name counts."""
    return [
        Assignment(line=number, name=match["name"], raw=match["raw"].strip())
        for number, row in enumerate(text.split("\n"))
        if (match := _ASSIGNMENT.fullmatch(row))
    ]


def _edited(data: bytes, path: Path, form: Form, activation: Activation, choice: Choice) -> bytes:
    text = lines.text(data, path)
    found = {assignment.name: assignment for assignment in assignments(text)}
    wanted = added(activation, {name: _readable(one) for name, one in found.items()}, choice.asked)
    for name in wanted:
        if name in found and name != PRELOAD and found[name].value is None:
            raise CannotGoOn(f"{path}, line {found[name].line + 1}: what {name} is cannot be told; set it literally")
    if form is Form.SHELL:
        own = added(activation, {}, choice.asked)
        rows = shell_lines({name: own[name] for name in wanted})
        there = "\n".join(rows) in text
        return data if there or not rows else lines.appended(data, rows)
    for name, value in wanted.items():
        if name not in found:
            data = lines.appended(data, [_dotenv(name, value)])
            continue
        row = text.split("\n")[found[name].line]
        new = _prefixed(row, _ours(activation)) if name == PRELOAD else f"{row.partition('=')[0]}={value}"
        data = lines.spliced(data, found[name].line, found[name].line + 1, [new])
    return data


def _readable(assignment: Assignment) -> str:
    """A value for merging. What is expanded only later is no entry that can be recognised, and is left out."""
    if assignment.value is not None:
        return assignment.value
    return re.sub(r"\$\{[^}]*\}|\$\w+|[\"']", "", assignment.raw)


def _prefixed(row: str, library: str) -> str:
    """The line with one more entry in front of the ones that are there, inside their quotes."""
    match = re.fullmatch(r"([^=]*=\s*[\"']?)(.*?)([\"']?\s*)", row)
    head, entries, end = match.groups() if match else (f"{PRELOAD}=", "", "")
    return f"{head}{library}{':' if entries else ''}{entries}{end}"


def _ours(activation: Activation) -> str:
    return activation.library.path if activation.library else ""


def shell_lines(settings: Mapping[str, str]) -> list[str]:
    """Lines for any POSIX shell that put these settings into its environment. Sourcing them twice adds nothing twice.

    A list is added to, and a setting that the environment has keeps its value: whoever starts the shell has the last
    word. Values are assigned before they are exported, because some shells split the words of ``export``.
    """
    rows = []
    for name, value in settings.items():
        form, quoted = (":", "=") if name == PRELOAD else list_form(name), shlex.quote(value)
        if form is None:
            rows.append(f"{name}=${{{name}-{quoted}}}; export {name}")
            continue
        separator, _ = form
        rows += [
            f'case "{separator}${{{name}-}}{separator}" in',
            f"  *{separator}{quoted}{separator}*) ;;",
            f"  *) {name}={quoted}${{{name}:+{separator}${name}}}; export {name} ;;",
            "esac",
        ]
    return rows


def _dotenv(name: str, value: str) -> str:
    """A line that every dotenv reader takes the same way, Docker's literal one included.

    Raises:
        CannotGoOn: the value would need quotes, which some readers keep.
    """
    if not _PLAIN.fullmatch(value):
        raise CannotGoOn(f"{name}={value} needs quotes, which not every dotenv reader takes away; use a shell file")
    return f"{name}={value}"


def _findings(activation: Activation) -> tuple[Finding, ...]:
    if activation.library is None or activation.library.origin is not Origin.BUNDLED:
        return ()
    return (
        Finding(
            code="library-of-this-installation",
            level=Level.NOTE,
            seen=f"the library is the one of this installation: {activation.library.path}",
            remedy="deploy again after heapswap was upgraded or moved: the loader only warns of a missing library",
        ),
    )


def _afterwards(form: Form, path: Path) -> Afterwards:
    if form is Form.SHELL:
        return Afterwards(purpose="To put it in force for what this shell starts:", words=(".", str(path)))
    return Afterwards(purpose="Give the file to what starts the program (docker --env-file, EnvironmentFile=, …).")
