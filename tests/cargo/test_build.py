"""build and scratch: what cargo makes in a copy, and what is said where it makes nothing."""

import os
import subprocess
from pathlib import Path

import pytest

from heapswap import elf
from heapswap.cargo.build import Kind, Recipe, build
from heapswap.cargo.metadata import CargoFailed, explained
from heapswap.cargo.scratch import scratch
from heapswap.errors import CannotGoOn
from tests.cargo.projects import environ, package, tree, written

PRINTS = 'fn main() { println!("{}", if cfg!(feature = "loud") { "LOUD" } else { "quiet" }); }\n'
FEATURES = "[features]\ndefault = []\nloud = []\n"


def recipe(folder: Path, *features: str, kind: Kind = Kind.BIN, name: str = "app") -> Recipe:
    return Recipe(manifest=folder / "Cargo.toml", kind=kind, name=name, features=features)


def test_a_program_is_built_with_its_features_and_its_symbols(tmp_path: Path) -> None:
    manifest = f"{FEATURES}[profile.release]\nstrip = true\n"
    folder = package(tmp_path / "app", {"src/main.rs": PRINTS}, manifest=manifest)
    quiet = build(recipe(folder), tmp_path / "target", environ()).rename(tmp_path / "quiet")
    loud = build(recipe(folder, "loud"), tmp_path / "target", environ())
    said = [subprocess.run([path], capture_output=True, text=True, check=True).stdout for path in (quiet, loud)]
    assert said == ["quiet\n", "LOUD\n"]
    assert elf.defined(str(loud), ("main",)) == {"main"}


def test_a_benchmark_is_built_too(tmp_path: Path) -> None:
    manifest = f'{FEATURES}[[bench]]\nname = "speed"\nharness = false\n'
    folder = package(tmp_path / "app", {"src/lib.rs": "", "benches/speed.rs": PRINTS}, manifest=manifest)
    found = build(recipe(folder, kind=Kind.BENCH, name="speed"), tmp_path / "target", environ())
    assert subprocess.run([found, "--bench"], capture_output=True, text=True, check=True).stdout == "quiet\n"


def test_what_does_not_build_is_the_compilers_first_error(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": 'compile_error!("not like this");\nfn main() {}'})
    with pytest.raises(CargoFailed, match=r"^cargo build: not like this; .*mend the project and start again$"):
        build(recipe(folder), tmp_path / "target", environ())
    with pytest.raises(CargoFailed, match="no bin target named `other`"):
        build(recipe(folder, name="other"), tmp_path / "target", environ())
    with pytest.raises(CannotGoOn, match="cargo was not found in PATH"):
        build(recipe(folder), tmp_path / "target", {"PATH": str(tmp_path)})


def test_a_missing_network_is_one_line_that_says_so() -> None:
    stderr = """\
warning: spurious network error (3 tries remaining): [6] Could not resolve host
error: failed to get `itoa` as a dependency of package `app v0.1.0`

Caused by:
  failed to query replaced source registry `crates-io`

Caused by:
  [6] Couldn't resolve host name (Could not resolve host: index.crates.io)
"""
    assert explained("build", stderr) == (
        "cargo build: failed to get `itoa` as a dependency of package `app v0.1.0`; failed to query replaced source "
        "registry `crates-io`; [6] Couldn't resolve host name (Could not resolve host: index.crates.io); connect to "
        "the network once, or run `cargo fetch` where there is one"
    )


def test_the_copy_is_another_tree_and_the_same_files(tmp_path: Path) -> None:
    written(tmp_path / "app", {"Cargo.toml": "a", "src/main.rs": "b", "target/debug/x": "built", ".git/HEAD": "ref"})
    os.utime(tmp_path / "app/src/main.rs", (1_000_000_000, 1_000_000_000))
    before = tree(tmp_path / "app")
    with scratch(tmp_path / "app", tmp_path / "app/target", environ(XDG_CACHE_HOME=str(tmp_path / "cache"))) as copy:
        copied = copy.at(tmp_path / "app")
        assert (copied / "src/main.rs").stat().st_mtime == 1_000_000_000
        assert not (copied / "target").exists()
        assert (copied / ".git").is_symlink()
        copy.write(tmp_path / "app/src/main.rs", b"changed")
        copy.write(tmp_path / "app/src/new/file.rs", b"new")
        copy.write(tmp_path / "app/Cargo.toml", None)
        assert (copied / "src/new/file.rs").read_bytes() == b"new"
        with (
            pytest.raises(CannotGoOn, match="another heapswap builds at this moment"),
            scratch(tmp_path / "app", tmp_path, environ(XDG_CACHE_HOME=str(tmp_path / "cache"))),
        ):
            pass
    assert tree(tmp_path / "app") == before


def test_packages_beside_the_workspace_and_settings_above_it_mean_the_same(tmp_path: Path) -> None:
    package(tmp_path / "dep", {"src/lib.rs": 'pub const NAME: &str = env!("OF_ABOVE");\n'})
    written(tmp_path, {".cargo/config.toml": '[env]\nOF_ABOVE = "seen"\n'})
    folder = package(
        tmp_path / "app",
        {"src/main.rs": 'fn main() { println!("{}", dep::NAME) }\n'},
        manifest='[dependencies]\ndep = { path = "../dep" }\n',
    )
    with scratch(folder, folder / "target", environ(XDG_CACHE_HOME=str(tmp_path / "cache"))) as copy:
        program = build(recipe(copy.at(folder)), copy.target, environ())
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "seen\n"
    assert sorted(path.name for path in folder.iterdir()) == ["Cargo.toml", "src"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = package(tmp_path / "app", {"src/main.rs": PRINTS})
    with (
        pytest.raises(CannotGoOn, match="make room, or set XDG_CACHE_HOME"),
        scratch(folder, folder / "target", environ(XDG_CACHE_HOME=str(tmp_path / "file"))),
    ):
        pass
