"""``deploy rustc PATH``: jemalloc for the Rust compiler itself, in the configuration of its own source tree.

It is linked into rustc and LLVM, and says nothing about the programs that the compiler builds. The key has changed its
name twice (`SETTINGS`); which one a tree knows is read from the tree.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One way to ask for it."""

    section: str
    key: str
    value: str | bool
    since: int = 0
    """change-id that brought it; 0: always there"""

    def __str__(self) -> str:
        value = str(self.value).lower() if isinstance(self.value, bool) else f'"{self.value}"'
        return f"[{self.section}] {self.key} = {value}"


SETTINGS = (
    Setting(section="build", key="allocator", value="jemalloc", since=160100),
    Setting(section="rust", key="override-allocator", value="jemalloc", since=155617),
    Setting(section="rust", key="jemalloc", value=True),
)
"""the newest first; each change took the one before away, or left it as a deprecated name that may not stand beside"""

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
    setting = _setting(root, tree, options, example)
    file = _configuration(root, example, tree)
    data = tree.read(file) or b""
    configured = toml.document(data, file)
    _refuse_rejected(configured.unwrap(), options, file, setting)
    section = toml.table(configured, setting.section, file)
    for other in SETTINGS:
        if other != setting and hasattr(configured.get(other.section), "pop"):
            configured[other.section].pop(other.key, None)
    if section.get(setting.key) != setting.value:
        section[setting.key] = setting.value
    after = toml.encoded(configured, data)
    _refuse_altered(data, after, setting, file)
    return Plan(
        target=Target.RUSTC,
        place=str(root),
        candidate=str(choice.candidate),
        evidence=choice.evidence,
        actions=(
            tree.change(file, after, "jemalloc for the compiler and LLVM; the programs it builds stay as they are"),
        ),
        findings=tuple(_findings(configured.unwrap(), options, file, setting)),
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


def _setting(root: Path, tree: Tree, options: dict[str, frozenset[str]], example: Path) -> Setting:
    """The setting that this tree knows: by its example, else by its list of changes."""
    for setting in SETTINGS:
        if setting.key in options.get(setting.section, ()):
            return setting
    changes = b"".join(tree.read(root / name) or b"" for name in CHANGES)
    for setting in SETTINGS:
        if setting.since and re.search(rb"\b%d\b" % setting.since, changes):
            return setting
    raise CannotGoOn(
        f"{example} knows none of {', '.join(f'{one.section}.{one.key}' for one in SETTINGS)}; this tree cannot link it"
    )


def _configuration(root: Path, example: Path, tree: Tree) -> Path:
    present = [root / name for name in CONFIGURATIONS if tree.read(root / name) is not None]
    if present:
        return present[0]
    return root / ("bootstrap.toml" if example.name.startswith("bootstrap") else "config.toml")


def _refuse_rejected(
    configured: dict[str, Any], options: dict[str, frozenset[str]], file: Path, right: Setting
) -> None:
    """Refuse what stands in the configuration and what bootstrap would stop at, where it is about the allocator.

    A name of an earlier or later time in its own section is no reason: it gives way to the one that the tree knows.
    """
    known_here = {(one.section, one.key) for one in SETTINGS}
    named = {one.key for one in SETTINGS}
    for where, settings in (("", configured), *configured.items()):
        if where == "target" or not isinstance(settings, dict):
            continue
        for key, value in settings.items():
            misplaced = key in named and (where, key) not in known_here
            nested = where and isinstance(value, dict) and key in options and key not in options.get(where, ())
            if misplaced or nested:
                section = f"[{where}]" if where else "the top level"
                written = f"{key}.{next(iter(value), '')}" if nested else key
                raise CannotGoOn(
                    f"{file}: bootstrap rejects '{written}' in {section} (unknown field `{key}`); "
                    f"take it out, the right place is {right}"
                )


def _refuse_altered(before: bytes, after: bytes, setting: Setting, file: Path) -> None:
    """The result must say what the file said, without the other names, and the one thing more."""
    old, new = (tomllib.loads(data.removeprefix(lines.BOM).decode()) for data in (before, after))
    for other in SETTINGS:
        if isinstance(old.get(other.section), dict):
            old[other.section].pop(other.key, None)
    old.setdefault(setting.section, {})[setting.key] = setting.value
    if old != new:
        raise CannotGoOn(f"{file} is of a form that cannot be edited safely; write {setting} by hand")


def _findings(
    configured: dict[str, Any], options: dict[str, frozenset[str]], file: Path, setting: Setting
) -> Iterator[Finding]:
    rust = configured.get("rust", {})
    if rust.get("download-rustc", False) is not False:
        yield Finding(
            code="compiler-downloaded",
            level=Level.WARNING,
            seen=f"{file.name} has rust.download-rustc = {rust['download-rustc']!r}: a compiler that is downloaded "
            "is not built here, with jemalloc or without",
            remedy="set it to false",
        )
    for triple, settings in configured.get("target", {}).items():
        if isinstance(settings, dict) and (told := _refusing(settings, setting)):
            yield Finding(
                code="target-overrides",
                level=Level.WARNING,
                seen=f"[target.{triple}] has {told}, which wins there",
                remedy="take it out, unless that host is meant to stay as it is",
            )
    for key in rust:
        if key not in options.get("rust", {key}) and key != setting.key:
            yield Finding(
                code="unknown-option",
                level=Level.WARNING,
                seen=f"{file.name} has rust.{key}, which this tree's example does not list",
                remedy="bootstrap may stop at it; look it up in the tree's change list",
            )


def _refusing(settings: dict[str, Any], setting: Setting) -> str:
    """What takes it away from one target; empty: nothing. With ``override-allocator`` a target can only ask for one."""
    if setting.key != "override-allocator" and settings.get("jemalloc") is False:
        return "jemalloc = false"
    return 'allocator = "system"' if settings.get("allocator") == "system" else ""
