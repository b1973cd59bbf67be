"""The repository itself: what it promises about its files, its commands and its wheel."""

import importlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path
from typing import Any

import pytest

import heapswap
from heapswap.cli.main import VERBS

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")))
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"

# Each pattern is written so that it does not match its own line.
OF_ONE_MACHINE = re.compile(
    r"/wor[k]/|/roo[t]/|/home/(?!user/)[a-z]+[/]|/opt/whee[l]s|find-link[s]|index-ur[l]|replace-wit[h]|PIP_FIND_LINK[S]"
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def libraries() -> list[str]:
    """Names of the libraries that pyproject.toml builds."""
    targets = [module["target"] for module in project()["tool"]["setuptools-rust"]["ext-modules"]]
    return [target.removeprefix("heapswap._native.") for target in targets if isinstance(target, str)]


def make(*words: str) -> str:
    done = subprocess.run(["make", *words], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


# ---- files -------------------------------------------------------------------------------------------------------


def test_no_tracked_file_speaks_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if OF_ONE_MACHINE.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line", ["/wor" + "k/x", "cd /roo" + "t/x", "/home/ann" + "/x", "--find-" + "links=x", "index" + "-url = x"]
)
def test_the_search_for_such_lines_finds_them(line: str) -> None:
    assert OF_ONE_MACHINE.search(line)


def test_every_locked_crate_comes_from_crates_io() -> None:
    packages = tomllib.loads((ROOT / "native/Cargo.lock").read_text())["package"]
    members = {package["name"] for package in packages if "source" not in package}
    names = (
        "allocators",
        "conform",
        "entry",
        "heaps",
        "interpose",
        "launch",
        "probe",
        "recorder",
        "replay",
        "scope",
        "symbolise",
        "trace",
        "trace-format",
        "witness",
    )
    assert members == {f"heapswap-{name}" for name in names}
    fuzz = tomllib.loads((ROOT / "native/fuzz/Cargo.lock").read_text())["package"]
    assert {package["source"] for package in (*packages, *fuzz) if "source" in package} <= {CRATES_IO}


def test_one_version_everywhere() -> None:
    native = tomllib.loads((ROOT / "native/Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert {heapswap.__version__, project()["project"]["version"], native} == {heapswap.__version__}


def test_every_bundled_allocator_has_its_licence() -> None:
    patterns = project()["project"]["license-files"]
    packaged = {path.name.lower() for pattern in patterns for path in ROOT.glob(pattern)}
    assert "license" in packaged
    for allocator in ("mimalloc", "jemalloc", "snmalloc"):
        assert any(allocator in name for name in packaged), allocator


@pytest.mark.parametrize(
    "script", [".ci/run", "scripts/find-python", "scripts/require-cargo", "scripts/system-packages"]
)
def test_scripts_can_be_run_as_they_are(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111 == 0o111
    assert "set -euo pipefail" in path.read_text()
    subprocess.run(["bash", "-n", str(path)], check=True)


# ---- commands ----------------------------------------------------------------------------------------------------


def test_make_alone_lists_what_can_be_asked_for() -> None:
    listed = re.findall(r"^  make (\S+) +\S.*$", make(), re.MULTILINE)
    shown = [
        "help",
        "demo",
        "test",
        "check",
        "bench",
        "fuzz",
        "acceptance",
        "docs",
        "docs-tables",
        "install",
        "build",
        "clean",
    ]
    assert listed == shown


def commands_in(document: str, program: str) -> list[list[str]]:
    """The words of every command of `program` in code, fenced or inline, as far as the ``--`` before the user's own."""
    text = (ROOT / document).read_text()
    code = []
    for language, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL):
        # What a command printed is no command.
        prompt = r"\$ " if language == "console" else r"(?:\$ )?"
        code += re.findall(rf"^ *{prompt}((?:sudo )?[a-z].*)$", block, re.MULTILINE)
    code += re.findall(r"`([^`\n]+)`", text)
    found = []
    for line in code:
        words = line.split("#")[0].split()
        if words and words[0] == program:
            found.append(words[1 : words.index("--")] if "--" in words else words[1:])
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_in_the_documents_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {words[0] for words in commands_in(document, "make") if words}
    assert named <= targets


def subparsers(parser: ArgumentParser) -> list[ArgumentParser]:
    """The parsers of a verb's targets, where it has any."""
    found = [action.choices for action in parser._actions if isinstance(action, _SubParsersAction)]
    return [one for choices in found for one in choices.values()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_in_the_documents_exists(document: str) -> None:
    for words in commands_in(document, "heapswap"):
        verb = next((word for word in words if not word.startswith("-")), "")
        known = f"{'|'.join(VERBS)} --version --help"
        if verb in VERBS:
            parser = ArgumentParser()
            importlib.import_module(f"heapswap.cli.{verb}").configure(parser)
            known = "".join(one.format_help() for one in (parser, *subparsers(parser)))
        elif verb and verb.isalpha() and verb.islower():
            pytest.fail(f"{document}: no verb {verb}")
        options = re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(words))
        assert [option for option in options if option not in known] == [], words


def test_the_readme_names_the_two_commands() -> None:
    named = {words[0] for words in commands_in("README.md", "make") if words}
    assert {"demo", "test"} <= named


def test_the_readme_is_two_screens() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 80


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_every_link_leads_to_a_file(document: str) -> None:
    """`make docs` sees to those of docs/."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / document).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize(
    ("script", "page"),
    [("knob_tables.py", "knobs.md"), ("cli_page.py", "cli.md"), ("api_page.py", "python-api.md")],
)
def test_generated_pages_are_what_the_sources_say(script: str, page: str) -> None:
    written = subprocess.run(
        [sys.executable, f"scripts/{script}"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert written == (ROOT / "docs" / page).read_text(), "run: make docs-tables"


# ---- what is shipped ---------------------------------------------------------------------------------------------


@pytest.mark.acceptance
@pytest.mark.timeout(1800)
def test_wheel_contents(tmp_path: Path) -> None:
    # setuptools copies into the folder of the build before, where modules that have moved are still found.
    for stale in (ROOT / "build").glob("lib*"):
        shutil.rmtree(stale)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    version = heapswap.__version__
    assert re.fullmatch(rf"heapswap-{re.escape(version)}-cp311-abi3-linux_(x86_64|aarch64)\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    native = {f"heapswap/_native/{name}.abi3.so" for name in libraries()}
    programs = {
        "heapswap/_native/heapswap-launch",
        "heapswap/_native/heapswap-conform",
        "heapswap/_native/heapswap-replay",
        "heapswap/_native/heapswap-symbolise",
        "heapswap/_native/heapswap-trace",
        f"heapswap-{version}.data/scripts/heapswap",
    }
    python = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src/heapswap").rglob("*.py")}
    information = {name for name in names if name.startswith(f"heapswap-{version}.dist-info/")}
    pages = {f"heapswap/report/html/{path.name}" for path in (ROOT / "src/heapswap/report/html").glob("*.[!p]*")}
    assert {"heapswap/report/html/page.css", "heapswap/report/html/page.js"} <= pages
    assert names - information == native | programs | python | pages | {"heapswap/py.typed"}
    assert all(modes[program] & 0o111 for program in programs)
    licences = {path.name for pattern in project()["project"]["license-files"] for path in ROOT.glob(pattern)}
    assert {Path(name).name for name in information if "/licenses/" in name} == licences


@pytest.mark.acceptance
@pytest.mark.timeout(600)
def test_source_distribution_holds_what_a_build_needs(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--sdist", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (archive,) = tmp_path.glob("*.tar.gz")
    listed = subprocess.run(
        ["tar", "-tf", str(archive)], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    names = {name.partition("/")[2] for name in listed}
    built = [
        path
        for path in tracked()
        if path.is_relative_to(ROOT / "native") and not path.is_relative_to(ROOT / "native/fuzz")
    ]
    needed = {str(path.relative_to(ROOT)) for path in built}
    assert needed | {"pyproject.toml", "README.md", "LICENSE"} <= names
    assert [name for name in names if name.startswith("native/target") or name.endswith(".so")] == []
