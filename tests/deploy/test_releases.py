"""The compiler's real trees, of three releases, as Debian 12 packages them: what their own bootstrap declares.

All three know the first of the keys and no other. The two that took its place came after 1.96, the newest that is
packaged there: they are tested on the small trees of `tests.deploy.trees` only. Without the network these tests fail.
"""

import re
import shutil
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from heapswap.deploy.rustc import CHANGES, EXAMPLES, SETTINGS, known, plan
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn
from tests.deploy.support import after, chosen

SOURCES = "src/bootstrap"
CONFIG = f"{SOURCES}/src/core/config"
OLDEST, OLDER, NEWER = "rust-src=1.63*", "rust-web-src=1.85*", "rust-web-src=1.96*"
"""Debian's package and its version, as apt-get takes them"""
KEYS: dict[str, tuple[str, str, str, object]] = {
    OLDEST: ("config.toml", "rust", "jemalloc", True),
    OLDER: ("config.toml", "rust", "jemalloc", True),
    NEWER: ("bootstrap.toml", "rust", "jemalloc", True),
}
"""what has to be written: file, section, key, value"""
WANTED = {
    OLDEST: {EXAMPLES[2], f"{SOURCES}/config.rs"},
    OLDER: {EXAMPLES[1], CHANGES[0], f"{CONFIG}/config.rs"},
    NEWER: {EXAMPLES[0], CHANGES[0], f"{CONFIG}/toml/rust.rs", f"{CONFIG}/toml/build.rs"},
}
STALE = {OLDEST: set(), OLDER: {"split-debuginfo", "parallel-compiler"}, NEWER: {"split-debuginfo"}}
"""what an example still lists though bootstrap has dropped it: moved to the targets, or removed"""

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]


def downloaded(package: str, folder: Path) -> Path:
    """The package, from wherever this machine's apt has its packages; nothing is installed."""
    argv = ["apt-get", "download", "--quiet=2", package]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{package} cannot be downloaded: {done.stderr.strip()}\nOn Debian 12, run apt-get update first.")
    (file,) = folder.glob("*.deb")
    return file


def taken(package: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """The wanted files of the one source tree in a package, by their names in the tree."""
    argv = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with (
        subprocess.Popen(argv, stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive,
    ):
        for member in archive:
            name = re.sub(r"^\./usr/src/rustc-[^/]+/", "", member.name)
            content = archive.extractfile(member) if name in wanted else None
            if content is not None:
                yield name, content.read()


@pytest.fixture(scope="module", params=[OLDEST, OLDER, NEWER])
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A release, and its tree as far as it is about the configuration."""
    root, left = tmp_path_factory.mktemp("tree"), set(WANTED[request.param])
    package = downloaded(request.param, tmp_path_factory.mktemp("package"))
    for name, content in taken(package, WANTED[request.param]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
        left.discard(name)
    package.unlink()
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
    assert [one.key for one in SETTINGS if one.key in accepted(tree, one.section)] == [key]


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


def test_what_the_example_names_is_what_bootstrap_declares(release: tuple[str, Path], tree: Path) -> None:
    example = next(tree / name for name in EXAMPLES if (tree / name).exists())
    options = known(example.read_text())["rust"]
    assert len(options) > 30
    assert options - accepted(tree, "rust") == STALE[release[0]]


def test_the_key_of_the_article_is_refused_with_the_right_one(release: tuple[str, Path], tree: Path) -> None:
    file, section, key, _ = KEYS[release[0]]
    (tree / file).write_text("[build]\nrust.jemalloc = true\n")
    with pytest.raises(
        CannotGoOn, match=rf"rejects 'rust.jemalloc' in \[build\] .*right place is \[{section}\] {key} = "
    ):
        plan(tree, chosen("jemalloc"), Tree())
