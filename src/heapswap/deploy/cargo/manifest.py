"""The edits of Cargo.toml: optional dependencies, features, and the default one where that is asked for.

Comments, order and spacing stay. A table that is there gets a line; one that is missing is written at the end.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit

from heapswap.deploy import lines, toml
from heapswap.deploy.cargo.supplies import FEATURES, Crate, Feature
from heapswap.errors import CannotGoOn

Tables = Mapping[tuple[str, ...], Mapping[str, str]]
"""what is added: for each table its lines, key and value as TOML"""


def edited(data: bytes, path: Path, crates: Sequence[Crate], default: Feature | None, *, library: bool) -> bytes:
    """The manifest with these crates as optional dependencies, and a feature for each of their forms.

    Args:
        library: what is built is loaded by others (a cdylib), and its thread-local storage is to allow that.

    Raises:
        CannotGoOn: it is no TOML, or uses a name in a way that does not go with it.
    """
    present = toml.document(data, path).unwrap()
    result = added(data, path, _tables(present, path, crates, library=library))
    return result if default is None else _with_default(result, path, default)


def added(data: bytes, path: Path, tables: Tables) -> bytes:
    """The file with these lines in these tables.

    Raises:
        CannotGoOn: a table's name is taken by something else, or the file has a form that cannot be edited safely.
    """
    for names, settings in tables.items():
        rows = [f"{key} = {value}" for key, value in settings.items()]
        ways = (_under_header(data, names, rows), _at_the_end(data, names, rows), _inside(data, path, names, rows))
        data = next((way for way in ways if way is not None and _says(way, data, names, rows)), b"")
        if not data:
            raise CannotGoOn(
                f"{path} is of a form that cannot be edited safely; write [{_header(names)}] as a table of its own"
            )
    return data


def _under_header(data: bytes, names: Sequence[str], rows: Sequence[str]) -> bytes | None:
    """The file with rows after the last one of a table, what is left empty behind it staying so."""
    text = lines.text(data, Path()).split("\n")
    start = next((at for at, line in enumerate(text) if _names(line) == list(names)), None)
    if start is None:
        return None
    end = next((at for at in range(start + 1, len(text)) if _names(text[at]) is not None), len(text))
    while end > start + 1 and (not text[end - 1].strip() or text[end - 1].lstrip().startswith("#")):
        end -= 1
    return lines.spliced(data, end, end, rows)


def _at_the_end(data: bytes, names: Sequence[str], rows: Sequence[str]) -> bytes:
    """The file with a table of its own for the rows."""
    before = [""] if data.strip() else []
    return lines.appended(data, [*before, f"[{_header(names)}]", *rows])


def _inside(data: bytes, path: Path, names: Sequence[str], rows: Sequence[str]) -> bytes | None:
    """The file with the rows in a table that has no header: one written as a value."""
    document = toml.document(data, path)
    found: Any = document
    for name in names:
        found = found.get(name) if hasattr(found, "get") else None
    if found is None:
        return None
    for key, item in tomlkit.parse("\n".join(rows)).items():
        found[key] = item
    return toml.encoded(document, data)


def _names(line: str) -> list[str] | None:
    """The keys of a table's header; None for another line, an empty list for one of an array of tables."""
    bare = line.strip()
    if not bare.startswith("["):
        return None
    try:
        table = tomllib.loads(bare)
    except tomllib.TOMLDecodeError:
        return None
    names = []
    while isinstance(table, dict) and table:
        ((name, table),) = table.items()
        names.append(name)
    return names if isinstance(table, dict) else []


def _says(result: bytes, data: bytes, names: Sequence[str], rows: Sequence[str]) -> bool:
    """Whether the result says what the file said, and what is added, and nothing else."""
    try:
        old, new = (tomllib.loads(file.removeprefix(lines.BOM).decode()) for file in (data, result))
    except tomllib.TOMLDecodeError:
        return False
    table = old
    for name in names:
        table = table.setdefault(name, {})
    table.update(tomllib.loads("\n".join(rows)))
    return old == new


def _tables(present: Mapping[str, Any], path: Path, crates: Sequence[Crate], *, library: bool) -> Tables:
    tables: dict[tuple[str, ...], dict[str, str]] = {}
    for crate in crates:
        names = ("target", f"cfg({crate.platforms})", "dependencies") if crate.platforms else ("dependencies",)
        if not _depended_on(present, crate, path):
            features = f", features = {_list(crate.in_libraries)}" if library and crate.in_libraries else ""
            tables.setdefault(names, {})[crate.name] = f'{{ version = "={crate.version}"{features}, optional = true }}'
    wanted = {feature.name: feature for feature in FEATURES if feature.crate in {crate.name for crate in crates}}
    for name, feature in wanted.items():
        found = present.get("features", {}).get(name)
        if found is None:
            tables.setdefault(("features",), {})[name] = _list(feature.enables)
        elif sorted(found) != sorted(feature.enables):
            raise CannotGoOn(
                f"{path} has a feature '{name}' already, {_list(found)}, which does not choose the allocator of this "
                "program; rename it, or take it out"
            )
    return tables


def _depended_on(present: Mapping[str, Any], crate: Crate, path: Path) -> bool:
    """Whether the manifest has the crate already, in a way that can stay.

    Raises:
        CannotGoOn: every build has it, so that no feature can leave it out; or on platforms that it is not for.
    """
    everywhere = present.get("dependencies", {}).get(crate.name)
    by_target = [table.get("dependencies", {}).get(crate.name) for table in present.get("target", {}).values()]
    found = [entry for entry in (everywhere, *by_target) if entry is not None]
    for entry in found:
        if not (isinstance(entry, dict) and entry.get("optional")):
            raise CannotGoOn(
                f"{path} needs {crate.name} in every build; make it optional (optional = true), or take it out"
            )
    if crate.platforms and everywhere is not None:
        raise CannotGoOn(
            f"{path} has {crate.name} under [dependencies], where it is built for every platform; move it to "
            f"[target.'cfg({crate.platforms})'.dependencies]"
        )
    return bool(found)


def _with_default(data: bytes, path: Path, feature: Feature) -> bytes:
    """The manifest with one more default feature."""
    document = toml.document(data, path)
    features = toml.table(document, "features", path)
    chosen = features.get("default")
    if chosen is None:
        return added(data, path, {("features",): {"default": _list((feature.name,))}})
    if feature.name not in chosen:
        chosen.append(feature.name)
    return toml.encoded(document, data)


def _header(names: Sequence[str]) -> str:
    return ".".join(map(_key, names))


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() else f"'{name}'"


def _list(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
