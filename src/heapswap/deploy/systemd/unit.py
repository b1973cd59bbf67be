"""systemd services as their manager sees them: the unit file, its drop-ins in order, and the environment they make.

After systemd.unit(5), systemd.exec(5) and systemd.syntax(7).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heapswap.deploy import lines
from heapswap.deploy.env import assignments
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, Misuse

FOLDERS = (
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
)
"""where the system manager looks, the folder that wins first"""
_SUFFIXES = (".service", ".socket", ".timer", ".mount", ".target", ".path", ".slice", ".scope", ".device", ".swap")
_NAME = re.compile(r"[\w:.\\@-]+", re.ASCII)
_WORD = re.compile(r'"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'|((?:\\.|[^\s"\'\\])+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One assignment of the [Service] section."""

    key: str
    value: str
    """continued lines joined by blanks"""
    file: Path
    line: int
    """counted from 1"""

    @property
    def where(self) -> str:
        """For a message."""
        return f"{self.file}, line {self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service with everything that its files set, in the order in which it counts."""

    name: str
    file: Path
    settings: tuple[Setting, ...]

    def last(self, key: str) -> Setting | None:
        """The assignment of a key that counts; an empty one takes the key away."""
        found = [setting for setting in self.settings if setting.key == key]
        return found[-1] if found and found[-1].value else None

    def listed(self, key: str) -> list[Setting]:
        """The assignments of a key that is a list; an empty one starts it anew."""
        found: list[Setting] = []
        for setting in self.settings:
            if setting.key == key:
                found = [*found, setting] if setting.value else []
        return found


def service_name(text: str) -> str:
    """The name of a service's unit, its ending added where it is left out.

    Raises:
        Misuse: no name of a unit, or a unit that starts no program.
    """
    if not _NAME.fullmatch(text) or text.startswith("."):
        raise Misuse(f"'{text}' is not the name of a unit; write it as systemctl does, such as shop.service")
    if text.endswith(_SUFFIXES[1:]):
        raise Misuse(f"{text} starts no program; name the service that it belongs to")
    return text if text.endswith(".service") else f"{text}.service"


def read(name: str, root: Path, tree: Tree, besides: tuple[Path, ...] = ()) -> Service:
    """The service of that name below a root folder. `besides` are files that are left out.

    Raises:
        CannotGoOn: there is none, it is masked, or a file of it cannot be read.
    """
    file = _unit_file(name, root)
    names = dict.fromkeys((name, file.resolve().name if file.resolve().suffix == ".service" else name))
    files = [file, *(path for path in _drop_ins(list(names), root) if path not in besides)]
    settings = [
        setting
        for path in files
        for setting in _settings(lines.text(tree.required(path, "a unit that is complete"), path), path)
    ]
    return Service(name=name, file=file, settings=tuple(settings))


def words(value: str) -> list[str]:
    """A value split as systemd splits it: quotes taken away, escapes and ``%%`` read."""
    found = ["".join(part for part in match if part) for match in _WORD.findall(value)]
    return [re.sub(r"\\(.)", r"\1", word).replace("%%", "%") for word in found]


def quoted(name: str, value: str) -> str:
    """One assignment as a word of ``Environment=``: nothing in it is expanded."""
    return '"' + f"{name}={value}".replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def environment(service: Service) -> dict[str, str]:
    """What ``Environment=`` sets."""
    assigned = [word for setting in service.listed("Environment") for word in words(setting.value)]
    return dict(word.split("=", 1) for word in assigned if "=" in word)


def set_by_files(service: Service, root: Path, tree: Tree) -> Iterator[tuple[str, str]]:
    """Each variable that an ``EnvironmentFile=`` sets, which wins over ``Environment=``, and where."""
    for setting in service.listed("EnvironmentFile"):
        path = root / setting.value.removeprefix("-").lstrip("/")
        data = tree.read(path)
        for assignment in assignments(lines.text(data, path)) if data is not None else ():
            yield assignment.name, f"{path}, line {assignment.line + 1}"


def _unit_file(name: str, root: Path) -> Path:
    template = re.sub(r"@.*(?=\.service$)", "@", name)
    for unit in dict.fromkeys((name, template)):
        for folder in FOLDERS:
            path = root / folder / unit
            if path.is_symlink() and str(path.readlink()) == "/dev/null":
                raise CannotGoOn(f"{unit} is masked ({path}); unmask it first")
            if path.is_file():
                return path
    raise CannotGoOn(
        f"there is no unit {name} in {', '.join(str(root / folder) for folder in FOLDERS[:2])} or the "
        "distribution's folders; systemctl cat tells where it is"
    )


def _drop_ins(names: list[str], root: Path) -> list[Path]:
    """The drop-ins in the order in which they count: by name, and of one name the folder and the unit that win."""
    found: dict[str, Path] = {}
    for unit in (each for name in names for each in _levels(name)):
        for folder in FOLDERS:
            for path in (root / folder / f"{unit}.d").glob("*.conf"):
                found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


def _levels(name: str) -> list[str]:
    """The names whose drop-ins a unit has, the nearest first: itself, its template, its prefixes, all services."""
    stem = name.removesuffix(".service")
    template = [f"{stem.partition('@')[0]}@.service"] if "@" in stem else []
    parts = stem.partition("@")[0].split("-")
    prefixes = [f"{'-'.join(parts[:length])}-.service" for length in range(len(parts) - 1, 0, -1)]
    return [name, *template, *prefixes, "service"]


def _settings(text: str, path: Path) -> Iterator[Setting]:
    section, pending, start = "", "", 0
    for number, row in enumerate(text.split("\n"), 1):
        if row.strip()[:1] in ("#", ";"):
            continue
        start = start if pending else number
        pending += row.strip()
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        complete, pending = pending, ""
        if complete.startswith("[") and complete.endswith("]"):
            section = complete[1:-1]
        elif section == "Service" and "=" in complete:
            key, _, value = complete.partition("=")
            yield Setting(key=key.strip(), value=value.strip(), file=path, line=start)
