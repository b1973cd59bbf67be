"""The module and its place in a root file."""

from pathlib import Path

import pytest

from heapswap.cargo.conditions import Facts, holds
from heapswap.cargo.source import What, found_in
from heapswap.cargo.tokens import preamble
from heapswap.deploy.cargo.module import Rival, source, with_module
from heapswap.deploy.cargo.supplies import CRATES

ROOT, MODULE = Path("/app/src/main.rs"), Path("/app/src/allocator.rs")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("fn main() {}\n", "mod allocator;\n\nfn main() {}\n"),
        ("", "mod allocator;\n"),
        ("//! Docs.\nfn main() {}\n", "//! Docs.\n\nmod allocator;\n\nfn main() {}\n"),
        (
            "#!/usr/bin/env x\n#![allow(a,\n  b)] // why\n\nuse a;\n",
            "#!/usr/bin/env x\n#![allow(a,\n  b)] // why\n\nmod allocator;\n\nuse a;\n",
        ),
        ("/*! a\n*/ fn main() {}", "/*! a\n*/ fn main() {}\n\nmod allocator;\n"),
        (
            "// licence\n\n#![no_std]\n// about main\nfn main() {}\n",
            "// licence\n\n#![no_std]\n\nmod allocator;\n\n// about main\nfn main() {}\n",
        ),
        ('#![doc = "]"]\r\nfn main() {}\r\n', '#![doc = "]"]\r\n\r\nmod allocator;\r\n\r\nfn main() {}\r\n'),
        ("\ufefffn main() {}\n", "\ufeffmod allocator;\n\nfn main() {}\n"),
    ],
)
def test_the_line_stands_behind_what_must_come_first(before: str, after: str) -> None:
    assert with_module(before.encode(), MODULE, ROOT, "allocator").decode() == after


def test_a_root_elsewhere_says_where_the_module_is() -> None:
    made = with_module(b"fn main() {}\n", MODULE, Path("/app/src/bin/extra.rs"), "allocator")
    assert made == b'#[path = "../allocator.rs"]\nmod allocator;\n\nfn main() {}\n'


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("fn main() {}", ""),
        ("// a\n//! b\n#![c]\n// d\nfn", "// a\n//! b\n#![c]"),
        ("/* a */ /*! b /* c */ */ x", "/* a */ /*! b /* c */ */"),
        ("#[a] fn", ""),
        ("# ! [a] x", "# ! [a]"),
    ],
)
def test_the_preamble_ends_behind_the_last_inner_attribute_or_documentation(text: str, end: str) -> None:
    assert text[: preamble(text)] == end


LINUX = frozenset({("unix", None), ("target_env", "gnu")})
MSVC = frozenset({("windows", None), ("target_env", "msvc")})


def active(folder: Path, text: str, target: frozenset[tuple[str, str | None]], *features: str) -> tuple[list[str], int]:
    """The types that are declared, and the number of refusals, under these features."""
    (folder / "allocator.rs").write_text(text)
    facts = Facts(target=target, features=frozenset(features))
    rows = [row for row in found_in(folder / "allocator.rs") if holds(row.condition, facts)]
    types = [row.type for row in rows if row.what is What.ALLOCATOR]
    return types, len(rows) - len(types)


def test_each_feature_chooses_one_and_two_are_one_error(tmp_path: Path) -> None:
    text = source(CRATES, (), "2021")
    assert active(tmp_path, text, LINUX) == ([], 0)
    assert active(tmp_path, text, LINUX, "mimalloc") == (["mimalloc::MiMalloc"], 0)
    assert active(tmp_path, text, LINUX, "mimalloc", "mimalloc-secure") == (["mimalloc::MiMalloc"], 0)
    assert active(tmp_path, text, LINUX, "jemalloc") == (["tikv_jemallocator::Jemalloc"], 0)
    assert active(tmp_path, text, LINUX, "mimalloc", "jemalloc") == ([], 1)
    assert active(tmp_path, text, MSVC, "mimalloc") == (["mimalloc::MiMalloc"], 0)
    assert active(tmp_path, text, MSVC, "jemalloc") == ([], 0)


def test_a_declaration_that_was_there_before_excludes_ours_with_one_error(tmp_path: Path) -> None:
    text = source(CRATES[:1], (Rival(condition="unix", place="src/main.rs:1"),), "2021")
    assert active(tmp_path, text, LINUX) == ([], 0)
    assert active(tmp_path, text, LINUX, "mimalloc") == ([], 1)
    assert active(tmp_path, text, MSVC, "mimalloc") == (["mimalloc::MiMalloc"], 0)
    assert "src/main.rs:1 declares one" in text


def test_the_first_edition_names_its_crates() -> None:
    assert "extern crate mimalloc;" in source(CRATES, (), "2015")
    assert "extern crate" not in source(CRATES, (), "2018")
