"""Rust's programs: the one that is named, the first in PATH, or one line that says what is missing."""

from pathlib import Path

import pytest

from heapswap.cargo import tool
from heapswap.cargo.metadata import workspace_root
from heapswap.cargo.platform import host
from heapswap.errors import CannotGoOn


def test_what_a_variable_names_goes_before_path(tmp_path: Path) -> None:
    program = tmp_path / "rustc"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert tool.found("rustc", {"PATH": str(tmp_path)}) == str(program)
    assert tool.found("rustc", {"PATH": str(tmp_path), "RUSTC": "/mine"}) == "/mine"


def test_what_is_missing_is_one_line(tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path)}
    with pytest.raises(CannotGoOn, match=r"^cargo was not found in PATH; .*or set CARGO to its path$"):
        workspace_root(tmp_path / "Cargo.toml", nothing)
    with pytest.raises(CannotGoOn, match=r"^rustc was not found in PATH; .*or set RUSTC to its path$"):
        host(nothing, tmp_path)


def test_what_cannot_be_started_or_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CannotGoOn, match=r"^/gone/rustc cannot be started: No such file or directory; check"):
        host({"RUSTC": "/gone/rustc"}, tmp_path)
    with pytest.raises(CannotGoOn, match=r"^rustc -vV failed: it said nothing; check"):
        host({"RUSTC": "/bin/false"}, tmp_path)
