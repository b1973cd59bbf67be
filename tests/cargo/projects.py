"""Cargo projects that tests write for themselves. They need nothing from the network: their packages are paths."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

DECLARES = "#[global_allocator]\nstatic {name}: std::alloc::System = std::alloc::System;\n"
"""a declaration that needs no package"""
MAIN = "fn main() {}\n"


def declaration(name: str = "GLOBAL", condition: str = "") -> str:
    """A static with the attribute, behind ``#[cfg(condition)]`` where one is given."""
    guard = f"#[cfg({condition})]\n" if condition else ""
    return guard + DECLARES.format(name=name)


def environ(**more: str) -> dict[str, str]:
    """What cargo needs of this process's environment, and that it may not use the network."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
    return {**kept, "CARGO_NET_OFFLINE": "true", "CARGO_TERM_COLOR": "never", **more}


def package(
    folder: Path, files: Mapping[str, str], *, manifest: str = "", name: str = "", edition: str = "2021"
) -> Path:
    """A package with these source files; `manifest` is what follows the table ``[package]``."""
    lines = f'[package]\nname = "{name or folder.name}"\nversion = "0.1.0"\nedition = "{edition}"\n\n{manifest}'
    written(folder, {"Cargo.toml": lines, **files})
    return folder


def written(folder: Path, files: Mapping[str, str]) -> None:
    """Write files, with the folders they need."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def compiler_says(folder: Path, *words: str, verb: str = "check") -> str:
    """What `cargo check`, or another verb, prints on standard error; its own folder is elsewhere."""
    target = folder.parent / f"{folder.name}-target"
    done = subprocess.run(
        ["cargo", verb, "--target-dir", str(target), *words],
        cwd=folder,
        env=environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr
