"""``deploy rustc PATH``: jemalloc for the Rust compiler itself, in the configuration of its own source tree.

It is linked into rustc and LLVM, and says nothing about the programs that the compiler builds. Which key a tree knows
is read from the tree: ``rust.jemalloc``, or ``rust.override-allocator`` since change 155617.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heapswap.allocators.model import Candidate
from heapswap.deploy import lines, toml
from heapswap.deploy.model import Afterwards, Choice, Plan, Target
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, Misuse
from heapswap.findings import Finding, Level

JEMALLOC = Candidate(library="jemalloc")
EXAMPLES = ("bootstrap.example.toml", "config.example.toml", "config.toml.example")
"""the tree's own list of options, the newest name first"""
CONFIGURATIONS = ("bootstrap.toml", "config.toml")
"""what bootstrap reads, the name that wins first"""
CHANGES = ("src/bootstrap/src/utils/change_tracker.rs", "src/bootstrap/change_tracker.rs")
OLD_KEY, NEW_KEY = "jemalloc", "override-allocator"
NEW_KEY_SINCE = 155617
"""change-id"""

_SECTION = re.compile(r"#?\[([\w.-]+)\]\s*")  # prose that shows one is indented
_OPTION = re.compile(r"#?\s?(?:([A-Za-z][\w-]*)\.)?([A-Za-z][\w-]*)\s*=.*")


def plan(place: Path, choice: Choice, tree: Tree) -> Plan:
    """The plan for a source tree.

    Raises:
        Misuse: another allocator than jemalloc, which bootstrap does not know.
        CannotGoOn: no such tree, or a configuration that bootstrap would reject.
    """
    if choice.candidate != JEMALLOC:
        raise Misuse(
            f"the compiler's build knows jemalloc, as its crate configures it; {choice.candidate} cannot be deployed "
            "there, write jemalloc"
        )
    root = place.resolve()
    if not root.is_dir():
        raise CannotGoOn(f"{place} is not a folder; give the root of the Rust compiler's source tree")
    example = next((root / name for name in EXAMPLES if (root / name).is_file()), None)
    if example is None:
        raise CannotGoOn(
            f"{place} is not the Rust compiler's source tree: it has none of {', '.join(EXAMPLES)}; give its root"
        )
    options = known(lines.text(tree.required(example, "the source tree's example"), example))
    key, value = _setting(root, tree, options, example)
    file = _configuration(root, example, tree)
    data = tree.read(file) or b""
    configured = toml.document(data, file)
    _refuse_rejected(configured.unwrap(), options, file, f"[rust] {key} = {_spelled(value)}")
    section = toml.table(configured, "rust", file)
    for other in (OLD_KEY, NEW_KEY):
        if other != key and other in section:
            del section[other]
    if section.get(key) != value:
        section[key] = value
    after = toml.encoded(configured, data)
    _refuse_altered(data, after, {key: value}, file)
    return Plan(
        target=Target.RUSTC,
        place=str(root),
        candidate=str(choice.candidate),
        evidence=choice.evidence,
        actions=(
            tree.change(file, after, "jemalloc for the compiler and LLVM; the programs it builds stay as they are"),
        ),
        findings=tuple(_findings(configured.unwrap(), options, file)),
        afterwards=(
            Afterwards(purpose="Build the compiler:", words=("./x.py", "build")),
            Afterwards(purpose="Then see what is in it:", words=("heapswap", "inspect", "build/host/stage1/bin/rustc")),
        ),
    )


def known(example: str) -> dict[str, frozenset[str]]:
    """The options that an example file names, by section; the ones before any section under an empty name.

    Options stand there commented out: as ``#jemalloc = false`` in their section, or in newer trees before the first
    one, as ``#rust.jemalloc = false``. Triples in target sections are one section, ``target``.
    """
    options: dict[str, set[str]] = {"": set()}
    section = ""
    for row in example.split("\n"):
        if match := _SECTION.fullmatch(row):
            section = match[1].partition(".")[0]
            options.setdefault(section, set())
        elif match := _OPTION.fullmatch(row):
            options.setdefault(section or match[1] or "", set()).add(match[2])
    return {name: frozenset(keys) for name, keys in options.items()}


def _setting(root: Path, tree: Tree, options: dict[str, frozenset[str]], example: Path) -> tuple[str, str | bool]:
    """The key that this tree knows for it, and its value."""
    for name in CHANGES:
        changes = tree.read(root / name)
        if changes is not None and re.search(rb"\b%d\b|override-allocator" % NEW_KEY_SINCE, changes):
            return NEW_KEY, "jemalloc"
    rust = options.get("rust", frozenset())
    if NEW_KEY in rust:
        return NEW_KEY, "jemalloc"
    if OLD_KEY in rust:
        return OLD_KEY, True
    raise CannotGoOn(f"{example} knows neither rust.{OLD_KEY} nor rust.{NEW_KEY}; this tree cannot link jemalloc")


def _configuration(root: Path, example: Path, tree: Tree) -> Path:
    present = [root / name for name in CONFIGURATIONS if tree.read(root / name) is not None]
    if present:
        return present[0]
    return root / ("bootstrap.toml" if example.name.startswith("bootstrap") else "config.toml")


def _refuse_rejected(configured: dict[str, Any], options: dict[str, frozenset[str]], file: Path, right: str) -> None:
    """Refuse what stands in the configuration and what bootstrap would stop at, where it is about the allocator."""
    for where, settings in (("", configured), *((name, table) for name, table in configured.items())):
        if where in ("rust", "target") or not isinstance(settings, dict):
            continue
        for key, value in settings.items():
            misplaced = key in (OLD_KEY, NEW_KEY)
            nested = where and isinstance(value, dict) and key in options and key not in options.get(where, ())
            if misplaced or nested:
                section = f"[{where}]" if where else "the top level"
                named = f"{key}.{next(iter(value), '')}" if nested else key
                raise CannotGoOn(
                    f"{file}: bootstrap rejects '{named}' in {section} (unknown field `{key}`); "
                    f"take it out, the right place is {right}"
                )


def _refuse_altered(before: bytes, after: bytes, added: dict[str, str | bool], file: Path) -> None:
    """The result must say what the file said, and the one thing more."""
    old, new = (tomllib.loads(data.removeprefix(lines.BOM).decode()) for data in (before, after))
    rust = {key: value for key, value in old.get("rust", {}).items() if key not in (OLD_KEY, NEW_KEY)}
    if {**old, "rust": {**rust, **added}} != new:
        raise CannotGoOn(f"{file} is of a form that cannot be edited safely; set {added} under [rust] by hand")


def _findings(configured: dict[str, Any], options: dict[str, frozenset[str]], file: Path) -> Iterator[Finding]:
    rust = configured.get("rust", {})
    if rust.get("download-rustc", False) is not False:
        yield Finding(
            code="compiler-downloaded",
            level=Level.WARNING,
            seen=f"{file.name} has rust.download-rustc = {_spelled(rust['download-rustc'])}: a compiler that is "
            "downloaded is not built here, with jemalloc or without",
            remedy="set it to false",
        )
    for triple, settings in configured.get("target", {}).items():
        # With the new key a target can only ask for an allocator, not refuse one.
        if isinstance(settings, dict) and settings.get(OLD_KEY) is False and NEW_KEY not in rust:
            yield Finding(
                code="target-overrides",
                level=Level.WARNING,
                seen=f"[target.{triple}] has {OLD_KEY} = false, which wins over [rust] there",
                remedy="take it out, unless that host is meant to stay as it is",
            )
    for key in rust:
        if key not in options.get("rust", {key}) and key not in (OLD_KEY, NEW_KEY):
            yield Finding(
                code="unknown-option",
                level=Level.WARNING,
                seen=f"{file.name} has rust.{key}, which this tree's example does not list",
                remedy="bootstrap may stop at it; look it up in the tree's change list",
            )


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
