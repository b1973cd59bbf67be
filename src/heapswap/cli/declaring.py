"""What `run` and `check` share: the allocator that is asked for, by a candidate or by the program's manifest."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from heapswap.cli.features import are_chosen
from heapswap.errors import Misuse
from heapswap.inspection.program import Program
from heapswap.manifest import (
    FEATURES,
    NO_DEFAULT_FEATURES,
    Choice,
    Declared,
    Defaults,
    asked_by,
    found_from,
    resolve,
)

COMMAND_LINE = "the command line"


def declared(
    arguments: argparse.Namespace, environ: Mapping[str, str], folders: Iterable[Path], usage: str
) -> Declared:
    """The candidate that was written, or else what the nearest manifest from `folders` upwards declares.

    Raises:
        Misuse: both, neither, or a manifest that cannot be meant.
    """
    if arguments.candidate is not None:
        if are_chosen(arguments):
            raise Misuse(f"features are the manifest's, and {arguments.candidate} is a candidate; give one of the two")
        return Declared(spelling=arguments.candidate, asked=COMMAND_LINE)
    places = tuple(dict.fromkeys(folders))
    manifest = found_from(places)
    if manifest is None:
        looked = " and ".join(map(str, places))
        raise Misuse(f"no candidate, and no [tool.heapswap] or heapswap.toml from {looked} upwards; write: {usage}")
    return resolve(manifest, _chosen(arguments).joined(asked_by(environ)))


def with_features(arguments: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which the program's own ``global_allocator()`` makes the same choice."""
    chosen = _chosen(arguments).joined(asked_by(environ))
    result = dict(environ)
    if arguments.features is not None:
        result[FEATURES] = ",".join(dict.fromkeys(name for name, _ in chosen.features))
    if arguments.no_default_features:
        result[NO_DEFAULT_FEATURES] = "1"
    return result


def folders_of(program: Program, directory: str) -> tuple[Path, ...]:
    """Where the manifest of a command is looked for: from its entry point's folder, then from `directory`."""
    return (*(Path(entry).parent for entry in _entry(program, directory)), Path(directory))


def _entry(program: Program, directory: str) -> tuple[str, ...]:
    """The file that the command names as its program: a script, what Python is to run, or the program itself."""
    if program.scripts:
        return (program.scripts[0],)
    if program.python is None:
        return (program.path,)
    first = next((word for word in program.arguments[:1] if not word.startswith("-")), "")
    path = Path(directory, first)
    return (str(path / "__main__.py" if path.is_dir() else path),) if first and path.exists() else ()


def _chosen(arguments: argparse.Namespace) -> Choice:
    names = [name.strip() for name in (arguments.features or "").split(",")]
    return Choice(
        features=tuple((name, "--features") for name in names if name),
        defaults=Defaults.WITHOUT if arguments.no_default_features else Defaults.WITH,
    )
