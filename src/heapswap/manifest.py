"""The manifest: which allocator a project declares, as features with guards: a deployment choice, not a code fork.

``[tool.heapswap]`` in pyproject.toml, or the same without that prefix in heapswap.toml::

    [tool.heapswap]
    default-features = ["mimalloc"]

    [tool.heapswap.features]
    mimalloc = { allocator = "mimalloc", secure = false }
    jemalloc = { allocator = "jemalloc", marker = "sys_platform == 'linux'", knobs = { dirty_decay_ms = 1000 } }

A feature stands for the *spelling* of a candidate; what that means on this machine is the allocators' business.
"""

import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from heapswap.errors import ALREADY_SET, CannotGoOn, Misuse
from heapswap.near import near

OWN_FILE = "heapswap.toml"
PROJECT_FILE = "pyproject.toml"
FEATURES = "HEAPSWAP_FEATURES"
"""environment variable that asks for features, such as ``jemalloc,checks``"""
NO_DEFAULT_FEATURES = "HEAPSWAP_NO_DEFAULT_FEATURES"
"""environment variable that leaves the default features out where it is set, to anything but 0"""

_KEYS = ("default-features", "features")
_FEATURE_KEYS = ("allocator", "secure", "knobs", "marker")
_FAMILY = re.compile(r"[a-z][a-z0-9_-]*")


class Defaults(StrEnum):
    """What happens to the default features."""

    WITH = "with"
    WITHOUT = "without"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One choice that a deployment can make."""

    name: str
    spelling: str
    """of the candidate it stands for"""
    marker: str = ""
    """PEP 508: where it applies; empty: everywhere"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What one file declares."""

    source: str
    """its path"""
    features: tuple[Feature, ...]
    default: tuple[str, ...]
    """names of the features that are active unless left out"""

    def feature(self, name: str) -> Feature:
        """The feature called `name`.

        Raises:
            Misuse: there is none; the message names the near ones.
        """
        for feature in self.features:
            if feature.name == name:
                return feature
        known = near(name, (feature.name for feature in self.features))
        raise Misuse(f"{self.source} declares no feature '{name}'; {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The features that a start of the program asks for: name and where it was asked for, such as ``--features``."""

    features: tuple[tuple[str, str], ...] = ()
    defaults: Defaults = Defaults.WITH

    def joined(self, other: "Choice") -> "Choice":
        """Both together: what either asks for, and without the defaults where either leaves them out."""
        without = Defaults.WITHOUT in (self.defaults, other.defaults)
        return Choice(
            features=(*self.features, *other.features), defaults=Defaults.WITHOUT if without else Defaults.WITH
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What is declared for this platform."""

    spelling: str
    """of the candidate; empty: none, and the allocator stays what it is"""
    asked: str
    """where it was asked for, or why there is none, for a message"""
    excluded: tuple[Feature, ...] = field(default=())
    """features that were asked for, and that are not for this platform"""

    @property
    def remark(self) -> str:
        """One line that has to be said where a guard leaves the program without an allocator of its own; else empty."""
        if self.spelling or not self.excluded:
            return ""
        told = " and ".join(f"'{feature.name}' is for {feature.marker}" for feature in self.excluded)
        return f"the system allocator stays: on this platform no feature applies ({told}; {self.asked})"


def spelled(allocator: str, knobs: Mapping[str, object], *, secure: bool = False) -> str:
    """The spelling of a candidate with hardening and knobs added: ``mimalloc@2`` → ``mimalloc+secure@2:purge_delay=0``.

    Raises:
        Misuse: a path cannot be made secure, or a knob's value is no plain one.
    """
    family = _FAMILY.match(allocator)
    if secure and (family is None or family[0] in ("system", "current")):
        raise Misuse(f"secure is a build of a family, and '{allocator}' is none; name a family, such as mimalloc")
    if secure and family is not None and "+secure" not in allocator.partition(":")[0]:
        allocator = f"{family[0]}+secure{allocator[family.end() :]}"
    settings = ",".join(f"{name}={_value(name, value)}" for name, value in knobs.items())
    if not settings:
        return allocator
    return f"{allocator}{',' if ':' in allocator else ':'}{settings}"


def parse(text: str, source: str, section: tuple[str, ...] = ()) -> Manifest | None:
    """The manifest in the text of a TOML file, below `section`; None where that is not there.

    Raises:
        Misuse: no TOML, an unknown key, or a value of another type than its key has.
    """
    try:
        table: object = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Misuse(f"{source} is not TOML ({error}); mend it") from None
    for key in section:
        if not isinstance(table, dict) or key not in table:
            return None
        table = table[key]
    where = f"{source} [{'.'.join(section)}]" if section else source
    settings = _table(table, where)
    _refuse_unknown(settings, _KEYS, where)
    features = _table(settings.get("features", {}), f"{where} features")
    manifest = Manifest(
        source=source,
        features=tuple(_feature(name, value, where) for name, value in features.items()),
        default=_names(settings.get("default-features", []), f"{where} default-features"),
    )
    for name in manifest.default:
        manifest.feature(name)
    return manifest


def found_from(folders: Iterable[Path]) -> Manifest | None:
    """The nearest manifest: upwards from the first folder, then from the next; None where there is none.

    Raises:
        Misuse: a manifest that cannot be meant, or two in one folder.
        CannotGoOn: one that cannot be read.
    """
    seen: set[Path] = set()
    for start in folders:
        for folder in (start, *start.parents):
            if folder not in seen and (manifest := _in_folder(folder)) is not None:
                return manifest
            seen.add(folder)
    return None


def asked_by(environ: Mapping[str, str]) -> Choice:
    """The features that the environment asks for."""
    names = [name.strip() for name in environ.get(FEATURES, "").split(",")]
    without = environ.get(NO_DEFAULT_FEATURES, "") not in ("", "0")
    return Choice(
        features=tuple((name, FEATURES) for name in names if name),
        defaults=Defaults.WITHOUT if without else Defaults.WITH,
    )


def resolve(manifest: Manifest, choice: Choice, platform: Mapping[str, str] | None = None) -> Declared:
    """The one candidate that is declared for this platform.

    `platform` has the values of markers (``sys_platform``, …) that differ from those of this Python.

    Raises:
        Misuse: an unknown feature, a marker that is none, or two active features: there is one global allocator.
    """
    asked = dict(reversed(choice.features))  # the first place that asked is named
    defaults = () if choice.defaults is Defaults.WITHOUT else manifest.default
    asked |= dict.fromkeys(defaults, "default-features")
    features = {name: manifest.feature(name) for name in sorted(asked)}
    active = [feature for feature in features.values() if _applies(feature, platform, manifest.source)]
    if len(active) > 1:
        named = ", ".join(f"{feature.name} from {asked[feature.name]}" for feature in active)
        remedy = "leave the defaults out with --no-default-features" if "default-features" in named else "choose one"
        raise Misuse(f"{ALREADY_SET}: {named} ({manifest.source}); {remedy}")
    if active:
        where = f"{manifest.source}, feature {active[0].name} from {asked[active[0].name]}"
        return Declared(spelling=active[0].spelling, asked=where)
    return Declared(spelling="", asked=manifest.source, excluded=tuple(features.values()))


def _in_folder(folder: Path) -> Manifest | None:
    own, project = _read(folder / OWN_FILE, ()), _read(folder / PROJECT_FILE, ("tool", "heapswap"))
    if own is not None and project is not None:
        raise Misuse(f"{own.source} and {project.source} [tool.heapswap] both declare; keep one of the two")
    return own or project


def _read(path: Path, section: tuple[str, ...]) -> Manifest | None:
    text = _text(path)
    return None if text is None else parse(text, str(path), section)


def is_trusted(owner: int, folder_mode: int, user: int) -> bool:
    """Whether a manifest may choose what is loaded: in a folder that everybody may write to, such as /tmp, only one
    of this user's own or root's.
    """
    return not folder_mode & stat.S_IWOTH or owner in (0, user)


def _text(path: Path) -> str | None:
    try:
        if hasattr(os, "getuid") and not is_trusted(path.stat().st_uid, path.parent.stat().st_mode, os.getuid()):
            return None
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CannotGoOn(f"{path} cannot be read ({error}); make it readable, or move it away") from None


def _feature(name: str, value: object, where: str) -> Feature:
    where = f"{where} feature '{name}'"
    settings = _table(value, where)
    _refuse_unknown(settings, _FEATURE_KEYS, where)
    allocator, secure, marker = settings.get("allocator"), settings.get("secure", False), settings.get("marker", "")
    if not isinstance(allocator, str) or not allocator:
        raise Misuse(f'{where} names no allocator; write allocator = "mimalloc"')
    if not isinstance(secure, bool):
        raise Misuse(f"{where}: secure is {secure!r}; write true or false")
    if not isinstance(marker, str):
        raise Misuse(f"{where}: marker is no text; write marker = \"sys_platform == 'linux'\"")
    knobs = _table(settings.get("knobs", {}), f"{where} knobs")
    try:
        return Feature(name=name, spelling=spelled(allocator, knobs, secure=secure), marker=marker)
    except Misuse as error:
        raise Misuse(f"{where}: {error}") from None


def _value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if isinstance(value, (int, float, str)) and text and not re.search(r"[\s,]", text):
        return text
    raise Misuse(f"the knob {name} is {value!r}; give true, false, a number, or a text without blanks and commas")


def _table(value: object, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise Misuse(f"{where} is {value!r}, not a table; see docs/declaration.md for its form")


def _names(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise Misuse(f'{where} is {value!r}; write a list of features, such as ["mimalloc"]')


def _refuse_unknown(settings: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    for key in settings:
        if key not in known:
            raise Misuse(f"{where} has the unknown key '{key}'; {near(key, known)}")


def _applies(feature: Feature, platform: Mapping[str, str] | None, source: str) -> bool:
    if not feature.marker:
        return True
    from packaging.markers import Marker  # noqa: PLC0415 - slow to import

    try:
        return Marker(feature.marker).evaluate(dict(platform or {}))
    except ValueError as error:  # of its form, its names, its comparison or, before packaging 24, its version
        told = " ".join(str(error).split())
        raise Misuse(f"{source} feature '{feature.name}': {told}; write a PEP 508 marker") from None
