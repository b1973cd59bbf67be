"""The examples of the page on the article's snippets, each run as it stands."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from heapswap import manifest
from tests.deploy.trees import MIDDLE, tree
from tests.docs.pages import ROOT, Example, examples

PAGE = "article.md"
ENVIRON = {
    **{key: value for key, value in os.environ.items() if not key.startswith("HEAPSWAP_")},
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}


def named(example: Example) -> str:
    """The file that an example says it is; empty when it says nothing."""
    first = example.text.splitlines()[0]
    return first.removeprefix("# ") if re.fullmatch(r"# \S+\.(py|toml)", first) else ""


def files(folder: Path) -> None:
    """What the page's examples are kept in."""
    for example in (*examples(PAGE, "toml"), *examples(PAGE, "python")):
        if name := named(example):
            (folder / name).write_text(example.text)


def numbered(language: str) -> list[object]:
    return [
        # cargo asks its registry.
        pytest.param(
            example, id=f"{number}-{example.heading}", marks=[pytest.mark.acceptance] * ("cargo" in example.text)
        )
        for number, example in enumerate(examples(PAGE, language))
    ]


@pytest.mark.parametrize("example", numbered("python"))
def test_the_python_examples_print_what_stands_beside_them(example: Example, tmp_path: Path) -> None:
    files(tmp_path)
    program = tmp_path / "example.py"
    program.write_text(example.text)
    done = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, env=ENVIRON, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = re.findall(r"^ *print\(.*?\) +# (.*)$", example.text, re.MULTILINE)
    assert expected
    assert len(done.stdout.splitlines()) == len(expected)
    for line, beginning in zip(done.stdout.splitlines(), expected, strict=True):
        assert line.startswith(beginning)


@pytest.mark.parametrize("example", numbered("console"))
def test_the_commands_succeed(example: Example, tmp_path: Path) -> None:
    files(tmp_path)
    commands = re.findall(r"^\$ (.*)$", example.text, re.MULTILINE)
    assert commands
    shell = ["bash", "-e", "-c", "\n".join(commands)]
    done = subprocess.run(shell, cwd=tmp_path, env=ENVIRON, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if "app.py" in example.text:
        assert done.stdout == "jemalloc\n"


def test_the_manifest_of_the_page_is_one(tmp_path: Path) -> None:
    files(tmp_path)
    declared = manifest.parse((tmp_path / "heapswap.toml").read_text(), "heapswap.toml")
    assert declared is not None
    assert [feature.name for feature in declared.features] == ["mimalloc", "jemalloc"]


def rustc(source: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("rustc")
    assert program, "rustc is not installed"
    file = folder / "main.rs"
    file.write_text(source)
    return subprocess.run(
        [program, "--edition", "2024", "--out-dir", str(folder), str(file)], capture_output=True, text=True, check=False
    )


def rust(heading: str) -> Example:
    (found,) = (example for example in examples(PAGE, "rust") if example.heading == heading)
    return found


def test_the_declaration_compiles_and_runs(tmp_path: Path) -> None:
    declaration = rust("The one declaration")
    done = rustc(declaration.text, tmp_path)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout == "1024\n"


def test_the_compiler_refuses_two_in_the_words_of_the_page(tmp_path: Path) -> None:
    done = rustc(rust("Two at once").text, tmp_path)
    assert done.returncode != 0
    (words,) = examples(PAGE, "text")
    for line in words.text.splitlines():
        assert line in done.stderr.splitlines()
    assert "global allocator has already been set" not in done.stderr


def test_the_compilers_configuration_is_what_deploy_writes(tmp_path: Path) -> None:
    _, right = (one for one in examples(PAGE, "toml") if one.heading == "The compiler's own build")
    command = ["heapswap", "deploy", "rustc", str(tree(tmp_path, MIDDLE)), "--apply"]
    done = subprocess.run(command, env=ENVIRON, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert tomllib.loads(next(tmp_path.rglob("bootstrap.toml")).read_text()) == tomllib.loads(right.text)


def project(folder: Path, dependencies: str, features: str) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text("fn main() {}\n")
    package = '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2024"\n'
    (folder / "Cargo.toml").write_text(f"{package}\n{dependencies}\n{features}")


def crates_on_windows(folder: Path) -> str:
    argv = ["cargo", "tree", "--target", "x86_64-pc-windows-msvc", "--features", "jemalloc"]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.acceptance
def test_only_the_guard_in_the_manifest_keeps_the_dependency_out(tmp_path: Path) -> None:
    """The article's own Cargo.toml has no such guard: its jemalloc is among the crates that MSVC would build."""
    (guarded,) = (one for one in examples(PAGE, "toml") if "target.'cfg" in one.text)
    ours, articles = tmp_path / "ours", tmp_path / "articles"
    ours.mkdir()
    articles.mkdir()
    project(ours, guarded.text, "")
    unguarded = 'tikv-jemallocator = { version = "=0.7.0", optional = true }'
    project(articles, f"[dependencies]\n{unguarded}\n", '[features]\njemalloc = ["dep:tikv-jemallocator"]\n')
    assert "tikv-jemalloc-sys" in crates_on_windows(articles)
    assert "tikv-jemalloc-sys" not in crates_on_windows(ours)


@pytest.mark.acceptance
@pytest.mark.timeout(900)
def test_the_articles_own_program_builds_and_is_served_by_mimalloc(tmp_path: Path) -> None:
    """The dependency of the page, and its declaration with mimalloc in place of the system's allocator."""
    (dependency,) = (one for one in examples(PAGE, "toml") if one.heading == "The dependency")
    project(tmp_path, dependency.text, "")
    program = rust("The one declaration").text.replace("use std::alloc::System", "use mimalloc::MiMalloc")
    (tmp_path / "src" / "main.rs").write_text(program.replace("System", "MiMalloc"))
    target = ROOT / "native" / "target" / "article"
    environ = {**ENVIRON, "CARGO_TARGET_DIR": str(target), "MIMALLOC_VERBOSE": "1"}
    subprocess.run(["cargo", "build", "--quiet"], cwd=tmp_path, env=environ, check=True)
    done = subprocess.run([target / "debug" / "app"], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "1024\n"
    assert "mimalloc: process init" in done.stderr
    assert "\nv3." in done.stderr


@pytest.mark.acceptance
@pytest.mark.timeout(900)
def test_the_dependency_and_the_features_build(tmp_path: Path) -> None:
    """With what `heapswap deploy cargo` writes: one feature builds and is in the program, two are one clear error."""
    target = {**ENVIRON, "CARGO_TARGET_DIR": str(ROOT / "native" / "target" / "article")}
    subprocess.run(["cargo", "new", "--quiet", "app"], cwd=tmp_path, env=ENVIRON, check=True)
    subprocess.run(["heapswap", "deploy", "cargo", "app", "--apply"], cwd=tmp_path, env=ENVIRON, check=True)
    app = tmp_path / "app"
    subprocess.run(["cargo", "build", "--quiet", "--features", "mimalloc"], cwd=app, env=target, check=True)
    assert (app / "src" / "allocator.rs").read_text().endswith(f"\n\n{rust('Guards').text}")
    program = Path(target["CARGO_TARGET_DIR"]) / "debug" / "app"
    assert b"mimalloc" in program.read_bytes()
    # Without cargo, which would build jemalloc first: minutes for one line.
    both = ["rustc", "--cfg", 'feature="mimalloc"', "--cfg", 'feature="jemalloc"', "src/main.rs"]
    refused = subprocess.run(both, cwd=app, env=ENVIRON, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "a program has one allocator: choose one of the features mimalloc and jemalloc" in refused.stderr
