"""``deploy python PATH``: the manifest of a project, and the one declaration at the top of its entry points."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heapswap import manifest
from heapswap.allocators.activation import activate
from heapswap.allocators.spelling import spell
from heapswap.deploy import toml
from heapswap.deploy.model import Action, Afterwards, Choice, Plan, Target
from heapswap.deploy.python.manifest import declared, is_depended_on
from heapswap.deploy.python.module import declaring
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level

_NO_PROGRAM = (".", "build", "dist", "venv", "env", "test", "doc", "example")
"""how folders begin whose programs do not run in production"""
LOCKS = {"uv.lock": ("uv", "lock"), "poetry.lock": ("poetry", "lock"), "pdm.lock": ("pdm", "lock")}
"""lock files, and what refreshes them"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file that Python starts the program with."""

    path: Path
    origin: str
    """how it was found"""


def plan(place: Path, choice: Choice, tree: Tree, given: tuple[Path, ...] = ()) -> Plan:
    """The plan for a project folder, or for one script.

    Args:
        given: entry points that the user names, instead of those that are found.

    Raises:
        Misuse: what is declared there already cannot be meant.
        CannotGoOn: no entry point, one that cannot be edited, or a candidate that is not here.
    """
    activate(choice.candidate)
    root = _root(place)
    entries = tuple(Entry(path=path, origin="given") for path in given) or tuple(_entries(place, root, tree))
    if not entries:
        raise CannotGoOn(
            f"{place} has no entry point that can be found: no [project.scripts], __main__.py, manage.py or "
            "gunicorn.conf.py; name its file with --entry FILE"
        )
    actions = (*declared(root, choice, tree), *(_declaring(entry, choice, tree) for entry in entries))
    return Plan(
        target=Target.PYTHON,
        place=str(place.resolve()),
        candidate=str(choice.candidate),
        evidence=choice.evidence,
        actions=actions,
        findings=tuple(_findings(root, entries, tree)),
        afterwards=tuple(_afterwards(root)),
    )


def _root(place: Path) -> Path:
    """The project's folder: the one that holds a manifest or a pyproject.toml, from the place upwards."""
    start = place.resolve()
    if not start.exists():
        raise CannotGoOn(f"{place} does not exist; give a project's folder or a script")
    folder = start if start.is_dir() else start.parent
    if start.is_dir():
        return folder
    named = (manifest.PROJECT_FILE, manifest.OWN_FILE)
    return next((up for up in (folder, *folder.parents) if any((up / name).is_file() for name in named)), folder)


def _entries(place: Path, root: Path, tree: Tree) -> Iterator[Entry]:
    """The entry points, each file once."""
    if not place.is_dir():
        yield Entry(path=place, origin="given")
        return
    found: dict[Path, Entry] = {}
    for entry in (*_scripts(root, tree), *_files(root)):
        found.setdefault(entry.path.resolve(), entry)
    yield from found.values()


def _files(root: Path) -> Iterator[Entry]:
    for name in ("__main__.py", "*/__main__.py", "src/*/__main__.py", "manage.py", "gunicorn.conf.py"):
        for path in sorted(root.glob(name)):
            if path.is_file() and not any(part.startswith(_NO_PROGRAM) for part in path.relative_to(root).parts[:-1]):
                yield Entry(path=path, origin=f"it is a {path.name}")


def _scripts(root: Path, tree: Tree) -> Iterator[Entry]:
    """The modules behind the console scripts of a project.

    Raises:
        CannotGoOn: a module that is not there, or the ``__init__`` of a package, which is for everyone who imports it.
    """
    data = tree.read(root / manifest.PROJECT_FILE)
    document: dict[str, Any] = toml.document(data or b"", root / manifest.PROJECT_FILE).unwrap()
    project = document.get("project", {})
    poetry = document.get("tool", {}).get("poetry", {})
    folders = document.get("tool", {}).get("setuptools", {}).get("package-dir", {})
    for table in (project.get("scripts", {}), project.get("gui-scripts", {}), poetry.get("scripts", {})):
        for name, value in table.items():
            reference = value.get("reference", "") if isinstance(value, dict) else str(value)
            path = _module(root, reference.partition(":")[0].strip(), (*folders.values(), "src", "."))
            if path.name == "__init__.py":
                raise CannotGoOn(
                    f"the script '{name}' starts in {path}, which runs for everyone who imports the package, and a "
                    "library must not choose; move the function to a module of its own, or name a file with --entry"
                )
            yield Entry(path=path, origin=f"the script '{name}'")


def _module(root: Path, module: str, folders: tuple[str, ...]) -> Path:
    for folder in folders:
        base = root / folder / module.replace(".", "/")
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                return path
    raise CannotGoOn(f"the module '{module}' of a script is not below {root}; name its file with --entry FILE")


def _declaring(entry: Entry, choice: Choice, tree: Tree) -> Action:
    data = tree.required(entry.path, "a Python file")
    after = declaring(data, entry.path, spell(choice.candidate))
    return tree.change(entry.path, after, f"the declaration as its first statement ({entry.origin})")


def _findings(root: Path, entries: tuple[Entry, ...], tree: Tree) -> Iterator[Finding]:
    packaged = [entry for entry in entries if entry.origin.startswith("the script")]
    if packaged:
        yield Finding(
            code="manifest-not-installed",
            level=Level.WARNING,
            seen=f"an installed copy of {packaged[0].path.name} ({packaged[0].origin}) has no pyproject.toml "
            "beside it, and then stops at its start",
            remedy="install it editable, start it in the project's folder, or ship the manifest as heapswap.toml "
            "inside the package",
        )
    if not is_depended_on(root, tree):
        yield Finding(
            code="not-a-dependency",
            level=Level.WARNING,
            seen=f"what is installed for {root.name} cannot be told from its files",
            remedy="add heapswap to what production installs: without it the program stops at its first line",
        )


def _afterwards(root: Path) -> Iterator[Afterwards]:
    for name, words in LOCKS.items():
        if (root / name).is_file():
            yield Afterwards(purpose=f"Refresh {name}:", words=words)
    yield Afterwards(purpose="Start the program as before: the declaration puts the allocator in force.")
