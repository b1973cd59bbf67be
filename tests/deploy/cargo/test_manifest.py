"""The edits of Cargo.toml: what is there stays, byte for byte, and what is added says what it should."""

import tomllib
from pathlib import Path

import pytest

from heapswap.deploy.cargo.manifest import added, edited
from heapswap.deploy.cargo.supplies import CRATES, FEATURES
from heapswap.errors import CannotGoOn

PATH = Path("/app/Cargo.toml")
BARE = b'[package]\nname = "app"\nversion = "0.1.0"\n'
FULL = b"""\
# the manifest
[package]   # of app
name = 'app'
version = "0.1.0"

[features]
# mine
fast = []

[target.'cfg(not(target_env = "msvc"))'.dependencies]
other = "1"

[dependencies]
itoa = "1"      # numbers
serde = { version = "1", features = [
    "derive",   # all of it
] }
# ryu = "1"

[[bin]]
name = "app"
path = "app.rs"
"""


def added_lines(before: bytes, after: bytes) -> list[bytes]:
    """The lines of `after` that are not in `before`; everything else must be there, in order."""
    rest, new = before.splitlines(keepends=True), []
    for line in after.splitlines(keepends=True):
        if rest and line == rest[0]:
            rest.pop(0)
        else:
            new.append(line)
    assert rest == []
    return new


def test_tables_that_are_there_get_a_line_each() -> None:
    after = edited(FULL, PATH, CRATES, None, library=False)
    assert added_lines(FULL, after) == [
        b'mimalloc = ["dep:mimalloc"]\n',
        b'mimalloc-secure = ["mimalloc", "mimalloc?/secure"]\n',
        b'jemalloc = ["dep:tikv-jemallocator"]\n',
        b'tikv-jemallocator = { version = "=0.7.0", optional = true }\n',
        b'mimalloc = { version = "=0.1.52", optional = true }\n',
    ]
    assert b"] }\nmimalloc = " in after


def test_tables_that_are_missing_are_written_at_the_end() -> None:
    after = edited(BARE, PATH, CRATES, None, library=False)
    assert after.startswith(BARE + b"\n[dependencies]\nmimalloc = ")
    found = tomllib.loads(after.decode())
    assert found["target"]['cfg(not(target_env = "msvc"))']["dependencies"].keys() == {"tikv-jemallocator"}
    assert found["features"].keys() == {"mimalloc", "mimalloc-secure", "jemalloc"}


@pytest.mark.parametrize("before", [FULL, BARE, b"", FULL.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + BARE])
def test_the_same_again_changes_nothing(before: bytes) -> None:
    once = edited(before, PATH, CRATES, FEATURES[0], library=False)
    assert edited(once, PATH, CRATES, FEATURES[0], library=False) == once
    assert once.count(b"\r\n") == (once.count(b"\n") if b"\r\n" in before else 0)
    assert once.startswith(b"\xef\xbb\xbf") == before.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    "before",
    [
        b'dependencies = { itoa = "1" }\n',
        b'dependencies.itoa = "1"\n',
        b'[dependencies.itoa]\nversion = "1"\n',
        b'[dependencies]\nlist = [\n["a"],\n]\n',
        b'[ "dependencies" ] # odd\nitoa = "1"',
    ],
)
def test_other_ways_of_writing_a_table(before: bytes) -> None:
    after = added(before, PATH, {("dependencies",): {"new": '"1"'}})
    old, new = tomllib.loads(before.decode()), tomllib.loads(after.decode())
    assert {**old["dependencies"], "new": "1"} == new["dependencies"]


@pytest.mark.parametrize(
    ("before", "default"),
    [
        (BARE, ["mimalloc"]),
        (b"[features]\ndefault = []\n", ["mimalloc"]),
        (b'[features]\ndefault = [\n    "a", # first\n]\na = []\n', ["a", "mimalloc"]),
        (b'[features]\ndefault = ["mimalloc"]\n', ["mimalloc"]),
    ],
)
def test_a_default_feature_is_one_more(before: bytes, default: list[str]) -> None:
    after = edited(before, PATH, CRATES, FEATURES[0], library=False)
    assert tomllib.loads(after.decode())["features"]["default"] == default
    assert b"# first" in after or b"# first" not in before


def test_without_being_asked_the_default_stays() -> None:
    before = b'[features]\ndefault = ["a"]\na = []\n'
    assert tomllib.loads(edited(before, PATH, CRATES, None, library=False).decode())["features"]["default"] == ["a"]


def test_what_is_loaded_by_dlopen_leaves_static_thread_local_storage_alone() -> None:
    found = tomllib.loads(edited(BARE, PATH, CRATES, None, library=True).decode())
    assert found["dependencies"]["mimalloc"]["features"] == ["local_dynamic_tls"]
    jemalloc = found["target"]['cfg(not(target_env = "msvc"))']["dependencies"]["tikv-jemallocator"]
    assert jemalloc["features"] == ["disable_initial_exec_tls"]


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (b'[features]\njemalloc = ["x/jemalloc"]\n', "has a feature 'jemalloc' already"),
        (b'[dependencies]\nmimalloc = "0.1"\n', "needs mimalloc in every build"),
        (b"[dependencies]\nmimalloc = { version = '0.1' }\n", "needs mimalloc in every build"),
        (
            b"[dependencies]\ntikv-jemallocator = { version = '0.6', optional = true }\n",
            "built for every platform; move it to",
        ),
        (b"[features\n", "is not TOML"),
    ],
)
def test_what_does_not_go_together_is_one_line(before: bytes, message: str) -> None:
    with pytest.raises(CannotGoOn, match=message) as caught:
        edited(before, PATH, CRATES, None, library=False)
    assert "\n" not in str(caught.value)


def test_an_optional_dependency_of_ones_own_stays_with_its_version() -> None:
    before = b'[dependencies]\nmimalloc = { version = "=0.1.43", optional = true }\n'
    after = edited(before, PATH, CRATES, None, library=False)
    assert tomllib.loads(after.decode())["dependencies"]["mimalloc"]["version"] == "=0.1.43"
