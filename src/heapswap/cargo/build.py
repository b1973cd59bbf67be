"""Build one program of a package with cargo, and say in one line why that failed."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from heapswap.cargo import tool
from heapswap.cargo.metadata import CargoFailed, explained
from heapswap.errors import CannotGoOn


class Kind(StrEnum):
    """Which of a package's programs can be built and run by themselves."""

    BIN = "bin"
    BENCH = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is built, and how."""

    manifest: Path
    kind: Kind
    name: str
    features: tuple[str, ...] = ()
    """beside the default ones, or instead of them"""
    default: bool = True
    """the package's default features are on"""

    @property
    def words(self) -> tuple[str, ...]:
        """The command that a person types in the package's folder."""
        verb = ("build", "--release") if self.kind is Kind.BIN else ("bench", "--no-run")
        without = () if self.default else ("--no-default-features",)
        features = ("--features", ",".join(self.features)) if self.features else ()
        return ("cargo", *verb, f"--{self.kind}", self.name, *without, *features)


class _Target(msgspec.Struct, frozen=True):
    name: str
    kind: tuple[str, ...]


class _Message(msgspec.Struct, frozen=True):
    """One line of cargo's; only artifacts have an executable."""

    reason: str
    executable: str | None = None
    target: _Target | None = None


def build(recipe: Recipe, target_folder: Path, environ: Mapping[str, str]) -> Path:
    """The executable, built in the release profile (a benchmark's in its own), with its symbols kept.

    Symbols are not loaded when the program runs; they prove what was built into it.

    Raises:
        CargoFailed: it does not build (the compiler's first error), or packages are missing and cannot be downloaded.
        CannotGoOn: there is no cargo.
    """
    _, *words = recipe.words
    settings = {
        **environ,
        "CARGO_TERM_COLOR": "never",
        "CARGO_PROFILE_RELEASE_STRIP": "none",
        "CARGO_PROFILE_BENCH_STRIP": "none",
        # A build script that asks git for the version must not touch the user's index.
        "GIT_OPTIONAL_LOCKS": "0",
    }
    try:
        done = subprocess.run(
            [
                tool.found("cargo", environ),
                *words,
                *("--manifest-path", os.fspath(recipe.manifest)),
                *("--target-dir", os.fspath(target_folder)),
                "--message-format=json-render-diagnostics",
            ],
            cwd=recipe.manifest.parent,
            env=settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise CannotGoOn(f"cargo cannot be started: {error.strerror}; check the installation of Rust") from None
    if done.returncode != 0:
        raise CargoFailed(explained(words[0], done.stderr.decode(errors="replace")))
    for line in reversed(done.stdout.splitlines()):
        message = msgspec.json.decode(line, type=_Message)
        if message.executable and message.target and message.target.name == recipe.name:
            return Path(message.executable)
    raise CargoFailed(f"cargo {words[0]} made no program '{recipe.name}'; see whether it needs a feature")
