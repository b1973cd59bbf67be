"""``deploy systemd UNIT``: a drop-in that adds the choice to a service's environment, and the library where it may be.

heapswap's own library is copied to a folder that only the superuser writes: what is preloaded into a service must not
lie in somebody's home or virtual environment.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from heapswap.allocators.activation import PRELOAD, activate
from heapswap.allocators.model import Activation, Origin
from heapswap.deploy.library import INSIDE, file_name
from heapswap.deploy.model import Action, Afterwards, Choice, Plan, Target
from heapswap.deploy.settings import added
from heapswap.deploy.systemd import unit
from heapswap.deploy.systemd.unit import Service, Setting
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, HeapswapError
from heapswap.findings import Finding, Level
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import resolve

DROP_IN = "90-heapswap.conf"
_HIDDEN = {"ProtectHome": ("/home", "/root", "/run/user"), "PrivateTmp": ("/tmp", "/var/tmp")}
"""settings that take folders out of a service's sight"""


def folder(name: str, root: Path) -> Path:
    """Where the drop-in of a service is, or would be."""
    return root / unit.FOLDERS[0] / f"{unit.service_name(name)}.d"


def plan(name: str, choice: Choice, tree: Tree, root: Path = Path("/")) -> Plan:
    """The plan for a service below a root folder.

    Raises:
        Misuse: no service, or another allocator is preloaded there already.
        CannotGoOn: no such service, or something of it that keeps a drop-in from taking effect.
    """
    name = unit.service_name(name)
    drop_in = folder(name, root) / DROP_IN
    service = unit.read(name, root, tree, besides=(drop_in,))
    activation = activate(choice.candidate)
    library = _library(activation, name, root, tree)
    inside = _as_deployed(activation, library)
    variables = added(inside, unit.environment(service), choice.asked)
    _refuse_overridden(service, set(variables), root, tree)
    _refuse_hidden(service, inside)
    action = tree.change(drop_in, _content(choice, variables), f"the environment of {name}")
    _refuse_undone(replace(service, settings=_with(service, action)), variables)
    return Plan(
        target=Target.SYSTEMD,
        place=str(folder(name, root)),
        candidate=str(choice.candidate),
        evidence=choice.evidence,
        actions=(action, *library),
        findings=tuple(_findings(service, inside, root, tree)),
        afterwards=(
            Afterwards(purpose="To make systemd read it:", words=("systemctl", "daemon-reload")),
            Afterwards(purpose="To start the service anew under it:", words=("systemctl", "restart", name)),
        ),
    )


def _library(activation: Activation, name: str, root: Path, tree: Tree) -> tuple[Action, ...]:
    """The copy of a library of heapswap's own: one a service, so that no other's goes when it is taken back."""
    library = activation.library
    if library is None or library.origin is not Origin.BUNDLED:
        return ()
    data = Path(library.path).read_bytes()
    path = root / INSIDE.lstrip("/") / name / file_name(library)
    return (tree.change(path, data, f"{library.family} {library.version}"),)


def _as_deployed(activation: Activation, library: tuple[Action, ...]) -> Activation:
    """The activation by the library as it is called on the machine that runs the service."""
    if activation.library is None or not library:
        return activation
    copied = Path(library[0].path)
    return replace(activation, library=replace(activation.library, path=f"{INSIDE}/{copied.parent.name}/{copied.name}"))


def _content(choice: Choice, variables: dict[str, str]) -> bytes:
    rows = [f"Environment={unit.quoted(name, value)}" for name, value in variables.items()]
    return "\n".join((f"# heapswap: {choice.candidate}", "[Service]", *rows, "")).encode()


def _refuse_overridden(service: Service, names: set[str], root: Path, tree: Tree) -> None:
    for name, where in unit.set_by_files(service, root, tree):
        if name in names:
            file = where.partition(", line")[0]
            raise CannotGoOn(
                f"{where} sets {name}, and an EnvironmentFile= wins over a drop-in; deploy to that file instead: "
                f"heapswap deploy env {file}"
            )
    for setting in service.listed("UnsetEnvironment"):
        if taken := names & {word.partition("=")[0] for word in unit.words(setting.value)}:
            raise CannotGoOn(f"{setting.where}: UnsetEnvironment= takes {min(taken)} away; take it out of that list")


def _refuse_hidden(service: Service, activation: Activation) -> None:
    """Refuse a library that the service cannot see or execute."""
    for key in ("RootDirectory", "RootImage"):
        if setting := service.last(key):
            raise CannotGoOn(
                f"{setting.where}: the service has a root of its own ({key}={setting.value}), and the library would "
                "have to be in it; install the library there, and write the drop-in by hand"
            )
    if activation.library is None:
        return
    path = Path(activation.library.path)
    for setting, folders in _unseen(service):
        if any(path.is_relative_to(folder) for folder in folders):
            raise CannotGoOn(f"{setting.where}: {setting.key}={setting.value} hides {path} from the service")
    refused = _longest(service.listed("NoExecPaths"), path)
    if refused and (allowed := _longest(service.listed("ExecPaths"), path)) <= refused:
        setting = service.listed("NoExecPaths")[-1]
        raise CannotGoOn(
            f"{setting.where}: NoExecPaths={setting.value} keeps the loader from {path}; add ExecPaths={path.parent}"
            if not allowed
            else f"{setting.where}: NoExecPaths={setting.value} keeps the loader from {path}; narrow it"
        )


def _unseen(service: Service) -> Iterator[tuple[Setting, tuple[str, ...]]]:
    for key, folders in _HIDDEN.items():
        setting = service.last(key)
        if setting is not None and setting.value.lower() not in ("no", "false", "0", "off", "read-only"):
            yield setting, folders
    for key in ("InaccessiblePaths", "TemporaryFileSystem"):
        for setting in service.listed(key):
            yield setting, tuple(word.lstrip("-+").partition(":")[0] for word in unit.words(setting.value))


def _longest(settings: list[Setting], path: Path) -> int:
    """How near the nearest of these folders is above a path, as its number of parts; 0: none is."""
    folders = [Path(word.lstrip("-+")) for setting in settings for word in unit.words(setting.value)]
    return max((len(folder.parts) for folder in folders if path.is_relative_to(folder)), default=0)


def _with(service: Service, action: Action) -> tuple[Setting, ...]:
    """The settings of the service with the drop-in, at the place in the order that its name gives it."""
    own = [
        Setting(key="Environment", value=row.partition("=")[2], file=Path(action.path), line=number)
        for number, row in enumerate((action.after or b"").decode().split("\n"), 1)
        if row.startswith("Environment=")
    ]
    before = [setting for setting in service.settings if setting.file == service.file or setting.file.name < DROP_IN]
    return (*before, *own, *service.settings[len(before) :])


def _refuse_undone(service: Service, variables: dict[str, str]) -> None:
    made = unit.environment(service)
    for name, value in variables.items():
        if made.get(name) != value:
            later = [setting for setting in service.listed("Environment") if setting.file.name > DROP_IN]
            where = later[-1].where if later else f"a drop-in of {service.name}"
            raise CannotGoOn(f"{where} comes after {DROP_IN} and sets the environment anew; give it an earlier name")


def _findings(service: Service, activation: Activation, root: Path, tree: Tree) -> Iterator[Finding]:
    passed = [word for setting in service.listed("PassEnvironment") for word in unit.words(setting.value)]
    if PRELOAD in passed:
        yield Finding(
            code="passed-environment",
            level=Level.WARNING,
            seen="PassEnvironment= takes LD_PRELOAD from the manager, and what the drop-in sets replaces it",
            remedy="add the manager's libraries to the drop-in by hand (systemctl show-environment)",
        )
    for setting in service.listed("EnvironmentFile"):
        path = root / setting.value.removeprefix("-").lstrip("/")
        if tree.read(path) is None:
            yield Finding(
                code="unread-environment",
                level=Level.NOTE,
                seen=f"{setting.where}: {setting.value} is not here; what it sets wins over the drop-in",
                remedy="see that it sets no LD_PRELOAD",
            )
    if (limit := service.last("LimitAS")) and limit.value != "infinity" and activation.library is not None:
        yield Finding(
            code="address-space",
            level=Level.WARNING,
            seen=f"{limit.where}: LimitAS={limit.value} bounds the address space, of which allocators reserve much",
            remedy="bound MemoryMax= instead, which counts what is used",
        )
    yield from _program(service, activation, root)


def _program(service: Service, activation: Activation, root: Path) -> Iterator[Finding]:
    """What would keep the program that the service starts from running under it.

    Raises:
        CannotGoOn: something does.
    """
    start = next(iter(service.listed("ExecStart")), None)
    words = unit.words(start.value.lstrip("@-:+!")) if start else []
    if not words or "%" in words[0] or "$" in words[0]:
        return
    environ = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", **unit.environment(service)}
    path = str(root / words[0].lstrip("/")) if words[0].startswith("/") else words[0]
    try:
        found = preflight(resolve(path, environ, os.sep, words[1:]), activation, environ)
    except HeapswapError as error:
        yield Finding(
            code="unseen-program",
            level=Level.NOTE,
            seen=f"what the service starts could not be looked at: {error}",
            remedy="see whose malloc answers in it once it runs: heapswap inspect PID",
        )
        return
    for finding in found:
        if finding.level is Level.ERROR:
            raise CannotGoOn(f"{finding.seen}; {finding.remedy}")
        yield finding
