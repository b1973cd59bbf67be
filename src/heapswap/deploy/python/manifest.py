"""The declaration of a project: the manifest that names the choice, and the dependency that brings heapswap along."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomlkit

from heapswap import __version__, manifest
from heapswap.allocators.model import Candidate
from heapswap.allocators.spelling import is_path, spell
from heapswap.deploy import lines, toml
from heapswap.deploy.model import Action, Choice
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn

MARKER = "sys_platform == 'linux'"
"""guard of a feature that heapswap writes: elsewhere the program keeps its allocator, instead of refusing to start"""

REQUIREMENTS = "requirements.txt"
_REQUIREMENT = f"heapswap>={__version__}"


def declared(root: Path, choice: Choice, tree: Tree) -> Iterator[Action]:
    """The actions that make a project declare a choice, and depend on heapswap.

    Raises:
        Misuse: what is declared there already cannot be meant.
        CannotGoOn: a file cannot be read or edited.
    """
    project, own = root / manifest.PROJECT_FILE, root / manifest.OWN_FILE
    data = tree.read(project)
    document = toml.document(data or b"", project)
    apart = tree.read(own) is not None or data is None
    if apart:
        yield _own_file(own, choice, tree)
    else:
        _declare(toml.table(toml.table(document, "tool", project), "heapswap", project), choice, project)
    depends = _depend(document)
    if data is not None and (depends or not apart):
        after = toml.encoded(document, data)
        if not apart:
            _refuse_other(after, project, ("tool", "heapswap"), choice)
        yield tree.change(project, after, "what the program declares, and heapswap among its dependencies")
    listed = tree.read(root / REQUIREMENTS)
    if not _is_project(document) and listed is not None and not _requires(lines.text(listed, root / REQUIREMENTS)):
        yield tree.change(
            root / REQUIREMENTS, lines.appended(listed, [_REQUIREMENT]), "heapswap among what is installed"
        )


def is_depended_on(root: Path, tree: Tree) -> bool:
    """Whether the edited project will have heapswap installed, as far as its files tell."""
    document = toml.document(tree.read(root / manifest.PROJECT_FILE) or b"", root / manifest.PROJECT_FILE)
    if _is_project(document):
        return "dependencies" not in document.unwrap().get("project", {}).get("dynamic", [])
    return tree.read(root / REQUIREMENTS) is not None


def _own_file(own: Path, choice: Choice, tree: Tree) -> Action:
    there = tree.read(own) or b""
    document = toml.document(there, own)
    _declare(document, choice, own)
    after = toml.encoded(document, there)
    _refuse_other(after, own, (), choice)
    return tree.change(own, after, "what the program declares")


def _declare(section: Any, choice: Choice, path: Path) -> None:
    """Make the choice the default feature; other features stay, for a start that asks for them."""
    name = _feature_name(choice.candidate)
    section["default-features"] = [name]
    features = toml.table(section, "features", path)
    there = features.get(name)
    feature = there if hasattr(there, "items") else tomlkit.inline_table()
    wanted = _feature(choice.candidate)
    for key in ("allocator", "secure", "knobs"):
        if key not in wanted:
            feature.pop(key, None)
        elif feature.get(key) != wanted[key]:
            feature[key] = wanted[key]
    feature.setdefault("marker", MARKER)
    features[name] = feature


def _feature_name(candidate: Candidate) -> str:
    return "custom" if is_path(candidate.library) else candidate.library


def _feature(candidate: Candidate) -> dict[str, Any]:
    """A candidate as the manifest writes it: the allocator, hardening, and knobs, each under its own key."""
    secure = "secure" in candidate.features
    bare = Candidate(
        library=candidate.library,
        features=tuple(feature for feature in candidate.features if feature != "secure"),
        version=candidate.version,
        recipe=candidate.recipe,
    )
    feature: dict[str, Any] = {"allocator": spell(bare)}
    if secure:
        feature["secure"] = True
    if candidate.knobs:
        knobs = tomlkit.inline_table()
        knobs.update({name: _value(value) for name, value in candidate.knobs})
        feature["knobs"] = knobs
    return feature


def _value(text: str) -> bool | int | str:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text) else text


def _refuse_other(after: bytes, path: Path, section: tuple[str, ...], choice: Choice) -> None:
    """What was written must be read back as the choice: by the very reader that the program will use."""
    read = manifest.parse(after.removeprefix(lines.BOM).decode(), str(path), section)
    if read is None or [read.feature(name).spelling for name in read.default] != [spell(choice.candidate)]:
        raise CannotGoOn(f"{path} cannot declare {choice.candidate} as it is written; write [tool.heapswap] by hand")


def _is_project(document: Any) -> bool:
    return "project" in document or "dependencies" in document.get("tool", {}).get("poetry", {})


def _depend(document: Any) -> bool:
    """Add heapswap to the dependencies of a project that lists them; whether that changed anything."""
    project, poetry = document.get("project"), document.get("tool", {}).get("poetry", {})
    if project is not None and "dependencies" not in project.get("dynamic", []):
        dependencies = project.setdefault("dependencies", tomlkit.array())
        if any(_requires(str(one)) for one in dependencies):
            return False
        dependencies.append(_REQUIREMENT)
        return True
    if project is None and "dependencies" in poetry and "heapswap" not in poetry["dependencies"]:
        poetry["dependencies"]["heapswap"] = f">={__version__}"
        return True
    return False


def _requires(text: str) -> bool:
    return re.search(r"^\s*heapswap\b(?!-)", text, re.MULTILINE | re.IGNORECASE) is not None
