"""Bad input is one clear line and its exit status; the front page names every verb."""

import subprocess
import sys
from pathlib import Path

import pytest

from heapswap import __version__
from heapswap.cli.main import VERBS, main, split_command, split_verb
from heapswap.errors import Misuse

USAGE = "heapswap run [--only] [--dry-run] [-v] [CANDIDATE | --features NAME,…] -- PROGRAM ARGUMENTS"

BAD_INPUT = {
    "no verb": ("", 2, f"no verb; choose from {', '.join(VERBS)}"),
    "unknown verb": ("rum mimalloc -- true", 2, f"no verb 'rum'; choose from {', '.join(VERBS)}"),
    "unknown option before the verb": ("--fast run", 2, "unrecognized arguments: --fast; see heapswap --help"),
    "unknown option": ("run --onli mimalloc -- true", 2, "unrecognized arguments: --onli; see heapswap run --help"),
    "no separator": (
        "run mimalloc true",
        2,
        "unrecognized arguments: true; put -- before the program, or see heapswap run --help",
    ),
    "no command": ("run mimalloc", 2, f"no command to run; write: {USAGE}"),
    "empty command": ("run mimalloc --", 2, f"no command to run; write: {USAGE}"),
    "no candidate": (
        "run -- /usr/bin/true",
        2,
        f"no candidate, and no [tool.heapswap] or heapswap.toml from /usr/bin and {Path.cwd()} upwards; write: {USAGE}",
    ),
    "unknown candidate": (
        "run mimallok -- true",
        2,
        "'mimallok' is no allocator; did you mean mimalloc or tcmalloc or snmalloc?",
    ),
    "unknown knob": (
        "run mimalloc:purge_dela=1 -- true",
        2,
        "mimalloc 3.3.2 has no knob 'purge_dela'; did you mean purge_delay or purge_decommits or arena_purge_mult?",
    ),
    "unknown program": (
        "run mimalloc -- nosuch-program",
        3,
        "the program 'nosuch-program' was not found in PATH; check its name, or give its path",
    ),
    "program that is absent": (
        "run mimalloc -- /nonexistent/program",
        3,
        "the program /nonexistent/program does not exist; check its name",
    ),
    "program that may not be executed": (
        "run mimalloc -- /etc/passwd",
        3,
        "/etc/passwd may not be executed; check its permissions (chmod +x)",
    ),
    "missing library": (
        "run /nonexistent/libx.so -- true",
        3,
        "/nonexistent/libx.so does not exist; 'heapswap allocators' lists the libraries that are here",
    ),
}


@pytest.mark.parametrize(("words", "status", "line"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_one_line_and_its_exit_status(words: str, status: int, line: str) -> None:
    command = [str(Path(sys.executable).with_name("heapswap")), *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout, done.returncode) == (f"heapswap: {line}\n", "", status)


def test_the_front_page_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    page = capsys.readouterr().out
    assert all(f"  {verb:12}{summary}\n" in page for verb, summary in VERBS.items())
    assert max(map(len, page.splitlines())) <= 90


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"heapswap {__version__}\n"


@pytest.mark.parametrize(
    ("words", "before", "command"),
    [
        (["run", "mimalloc"], ["run", "mimalloc"], None),
        (["run", "--", "ls", "-l"], ["run"], ["ls", "-l"]),
        (["run", "--"], ["run"], []),
        (["run", "--", "env", "--", "x"], ["run"], ["env", "--", "x"]),
    ],
)
def test_the_command_follows_the_first_separator(
    words: list[str], before: list[str], command: list[str] | None
) -> None:
    assert split_command(words) == (before, command)


def test_a_verb_is_split_from_its_options() -> None:
    assert split_verb(["run", "--only", "mimalloc"]) == ("run", ["--only", "mimalloc"])
    with pytest.raises(Misuse, match="no verb 'rum'"):
        split_verb(["rum"])


def test_a_closed_standard_error_is_nobody_elses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["rum"]) == 2
    assert capsys.readouterr().out == ""


def test_an_interrupt_is_the_shells_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("heapswap.cli.main.split_verb", interrupt)
    assert main(["run"]) == 130
