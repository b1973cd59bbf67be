"""cli.inspect: what is asked, what is printed, and what is refused."""

import json
from pathlib import Path

import pytest

from heapswap.cli.main import main
from tests.cargo.projects import MAIN, declaration, package


def test_a_program_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "/bin/true", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["kind"], printed["schema"]) == ("inspection", 1)
    (inspection,) = printed["inspections"]
    assert inspection["pid"] is None
    assert inspection["allocator"] == "glibc"
    assert inspection["uses"][0]["presence"] == "libc"
    assert inspection["findings"] == []


def test_a_path_that_is_no_text_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "caf\udce9"
    program.symlink_to("/bin/true")
    assert main(["inspect", str(program), "--json"]) == 0
    (inspection,) = json.loads(capsys.readouterr().out)["inspections"]
    assert inspection["subject"] == str(tmp_path / "caf�")


def test_a_program_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "true"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("true would use glibc ")
    assert captured.err == ""


def test_a_shell_script_is_answered_for_the_shell_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "start"
    script.write_text("#!/bin/sh\nsome | thing\n")
    script.chmod(0o755)
    assert main(["inspect", str(script), "--json"]) == 0
    (inspection,) = json.loads(capsys.readouterr().out)["inspections"]
    assert inspection["program"].endswith("/sh")
    (noted,) = inspection["findings"]
    assert (noted["code"], noted["level"]) == ("not-foreseen", "note")
    assert str(script) in noted["seen"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["inspect"], 2, "one thing to inspect is needed"),
        (["inspect", "true", "--all"], 2, "one thing to inspect is needed"),
        (["inspect", "--", "true"], 2, "one thing to inspect is needed"),
        (["inspect", "surely-not-a-program"], 3, "was not found in PATH"),
        (["inspect", "99999999"], 3, "there is no process 99999999"),
        (["inspect", "/etc/passwd"], 3, "may not be executed"),
    ],
)
def test_refusals_are_one_line(capsys: pytest.CaptureFixture[str], words: list[str], status: int, message: str) -> None:
    assert main(words) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("heapswap: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_a_cargo_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = package(tmp_path / "app", {"src/main.rs": MAIN + declaration()}) / "Cargo.toml"
    assert main(["inspect", str(manifest)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("app (bin) is served by the system's allocator.\n")
    assert "src/main.rs:3 GLOBAL: std::alloc::System" in captured.out
    assert captured.err == ""
    assert main(["inspect", str(manifest), "--json"]) == 0
    inspection = json.loads(capsys.readouterr().out)
    assert (inspection["kind"], inspection["schema"]) == ("cargo-inspection", 1)
    assert inspection["programs"][0]["choices"][0]["declared"].endswith("/app/src/main.rs:3")
