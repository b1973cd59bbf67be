"""The compiler's real trees: an older and a newer one, read from the source archives of Rust's own releases.

Only the files that say what the configuration may hold are taken from the stream; it ends where all are found.
"""

import re
import shutil
import tarfile
import tomllib
import urllib.request
from pathlib import Path

import pytest

from heapswap.deploy.rustc import CHANGES, EXAMPLES, known, plan
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn
from tests.deploy.support import after, chosen

ARCHIVE = "https://static.rust-lang.org/dist/{}-src.tar.xz"
SOURCES = "src/bootstrap/src/core/config"
OLDER, NEWER = "rustc-1.76.0", "2026-08-15/rustc-nightly"
KEYS: dict[str, tuple[str, str, str, object]] = {
    OLDER: ("config.toml", "rust", "jemalloc", True),
    NEWER: ("bootstrap.toml", "build", "allocator", "jemalloc"),
}
"""what has to be written: file, section, key, value"""
WANTED = {
    OLDER: {EXAMPLES[1], f"{SOURCES}/config.rs"},
    NEWER: {EXAMPLES[0], CHANGES[0], f"{SOURCES}/toml/rust.rs", f"{SOURCES}/toml/build.rs"},
}

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module", params=[OLDER, NEWER])
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A release, and its tree as far as it is about the configuration."""
    root, left = tmp_path_factory.mktemp("tree"), set(WANTED[request.param])
    with (
        urllib.request.urlopen(ARCHIVE.format(request.param), timeout=120) as stream,
        tarfile.open(fileobj=stream, mode="r|xz") as archive,
    ):
        for member in archive:
            name = member.name.partition("/")[2]
            content = archive.extractfile(member) if name in left else None
            if content is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content.read())
                left.discard(name)
            if not left:
                break
    assert not left, f"{request.param} has no {left}"
    return request.param, root


@pytest.fixture
def tree(release: tuple[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(release[1], tmp_path / "tree"))


def accepted(root: Path, section: str) -> set[str]:
    """The keys of a section as bootstrap itself declares them: ``name: Option<type> = "key",``."""
    declared = rf"struct {section.capitalize()} \{{\n(.*?)\n\s*\}}\n"
    sources = "".join(path.read_text() for path in (root / SOURCES).rglob("*.rs"))
    (fields,) = re.findall(declared, sources, re.DOTALL)
    return set(re.findall(r'= "([\w-]+)",', fields))


def test_the_key_is_one_that_bootstrap_declares(release: tuple[str, Path], tree: Path) -> None:
    file, section, key, value = KEYS[release[0]]
    made = tomllib.loads(after(plan(tree, chosen("jemalloc"), Tree()), tree / file).decode())
    assert made == {section: {key: value}}
    assert key in accepted(tree, section)


def test_the_example_as_it_is_copied_keeps_every_line(release: tuple[str, Path], tree: Path) -> None:
    file, section, key, value = KEYS[release[0]]
    example = next(tree / name for name in EXAMPLES if (tree / name).exists())
    (tree / file).write_bytes(example.read_bytes())
    made = plan(tree, chosen("jemalloc"), Tree())
    text = after(made, tree / file)
    assert tomllib.loads(text.decode())[section] == {key: value}
    lines = text.splitlines()
    assert [line for line in example.read_bytes().splitlines() if line not in lines] == []
    assert made.findings == ()


def test_what_the_example_names_is_what_bootstrap_declares(tree: Path) -> None:
    example = next(tree / name for name in EXAMPLES if (tree / name).exists())
    options = known(example.read_text())["rust"]
    assert len(options) > 30
    # Newer examples point from there to the option of targets that took its place.
    assert options - accepted(tree, "rust") <= {"split-debuginfo"}


def test_the_key_of_the_article_is_refused_with_the_right_one(release: tuple[str, Path], tree: Path) -> None:
    file, section, key, _ = KEYS[release[0]]
    (tree / file).write_text("[build]\nrust.jemalloc = true\n")
    with pytest.raises(
        CannotGoOn, match=rf"rejects 'rust.jemalloc' in \[build\] .*right place is \[{section}\] {key} = "
    ):
        plan(tree, chosen("jemalloc"), Tree())
