"""Requests to measure that cannot be met: an exit status, one line that says what to do, and nothing else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heapswap.trials.store import load
from tests.disks import on_small_disk
from tests.inspection.programs import PRINTS_FRESH_BLOCK, build

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
MISUSE, CANNOT_GO_ON = 2, 3
KNOB = "system:arena_max=2"

Refused = Callable[..., str]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "LANG": "C.UTF-8"}


@pytest.fixture
def refused(tmp_path: Path, environ: dict[str, str]) -> Refused:
    """What heapswap says to these words, once it has ended with `status`, one line and nothing on standard output."""

    def run(status: int, *words: str, before: tuple[str, ...] = (), stdin: int = subprocess.DEVNULL) -> str:
        done = subprocess.run(
            [*before, HEAPSWAP, *words],
            cwd=tmp_path,
            env=environ,
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert (done.stdout, done.returncode) == ("", status), done.stderr
        assert done.stderr.startswith("heapswap: ")
        assert done.stderr.count("\n") == 1
        return done.stderr.removeprefix("heapswap: ").rstrip("\n")

    return run


# --- known before anything runs ----------------------------------------------------------------------------------

BEFORE = {
    "no command to try": ("trial", MISUSE, "no command to run; write: heapswap trial -- PROGRAM ARGUMENTS"),
    "no command to advise on": (
        "advise --",
        MISUSE,
        "no command to run; write: heapswap advise -- PROGRAM ARGUMENTS",
    ),
    "an unknown candidate": (
        "trial --candidates mimallok -- touch ran",
        MISUSE,
        "'mimallok' is no allocator; did you mean mimalloc or tcmalloc or snmalloc?",
    ),
    "an unknown baseline": (
        "trial --baseline jemallok -- touch ran",
        MISUSE,
        "'jemallok' is no allocator; did you mean jemalloc or tcmalloc or snmalloc?",
    ),
    "an unknown knob": (
        "trial --candidates system:arena_maks=2 -- touch ran",
        MISUSE,
        "glibc {glibc} has no knob 'arena_maks'; did you mean arena_max",
    ),
    "a value that a knob refuses": (
        "trial --candidates system:arena_max=two -- touch ran",
        MISUSE,
        "arena_max=two: write a whole number",
    ),
    "no candidate": (
        "trial --candidates , -- touch ran",
        MISUSE,
        "--candidates names none; give for example --candidates mimalloc jemalloc",
    ),
    "the baseline as the only candidate": (
        "trial --baseline system --candidates system -- touch ran",
        MISUSE,
        "every candidate is the baseline, system; name another with --candidates",
    ),
    "a missing library": (
        "trial --candidates /nonexistent/libx.so -- touch ran",
        CANNOT_GO_ON,
        "no candidate can be run: /nonexistent/libx.so: /nonexistent/libx.so does not exist; 'heapswap allocators' "
        "lists the libraries that are here",
    ),
    "a missing library as the baseline": (
        "trial --baseline /nonexistent/libx.so -- touch ran",
        CANNOT_GO_ON,
        "/nonexistent/libx.so does not exist; 'heapswap allocators' lists the libraries that are here",
    ),
    "a program that is not in PATH": (
        "advise -- nosuch-program",
        CANNOT_GO_ON,
        "the program 'nosuch-program' was not found in PATH; check its name, or give its path",
    ),
    "a program that does not exist": (
        "trial -- ./nosuch-program",
        CANNOT_GO_ON,
        "the program {here}/nosuch-program does not exist; check its name",
    ),
    "a program that may not be executed": (
        "trial -- /etc/passwd",
        CANNOT_GO_ON,
        "/etc/passwd may not be executed; check its permissions (chmod +x)",
    ),
    "a folder": ("trial -- .", CANNOT_GO_ON, "the program '.' was not found in PATH; check its name"),
    "input that is missing": (
        "trial --stdin missing -- touch ran",
        MISUSE,
        "--stdin missing is not a file; give one that can be read anew for every run",
    ),
    "a metric without a pattern": (
        "trial --metric rate -- touch ran",
        MISUSE,
        "--metric 'rate' is not NAME=REGEX; write for example --metric 'rps=([0-9.]+) req/s'",
    ),
    "a metric that is measured already": (
        "advise --metric cpu=([0-9]+) -- touch ran",
        MISUSE,
        "--metric 'cpu=([0-9]+)': there is a metric 'cpu' already; give it another name",
    ),
    "a budget that is no duration": (
        "trial --budget 2minutes -- touch ran",
        MISUSE,
        "argument --budget: '2minutes' is not a duration; write 90s, 2m or 1h30m; see heapswap trial --help",
    ),
    "a timeout that is no time": (
        "advise --timeout 0s -- touch ran",
        MISUSE,
        "argument --timeout: '0s' is no time at all; write 90s, 2m or 1h30m; see heapswap advise --help",
    ),
    "an unknown objective": (
        "advise --objective speed -- touch ran",
        MISUSE,
        "argument --objective: invalid choice: 'speed' (choose from",
    ),
    "no block": ("trial --blocks 0 -- touch ran", MISUSE, "--blocks 0: at least one block is needed"),
    "a command to continue with": (
        "trial --resume somewhere -- touch ran",
        MISUSE,
        "--resume continues the command it was started with; give no command",
    ),
    "another plan to continue with": (
        "trial --resume somewhere --blocks 3 --timeout 3s",
        MISUSE,
        "--resume continues a trial as it was planned; leave out --blocks, --timeout",
    ),
    "nothing to continue": (
        "trial --resume nowhere",
        CANNOT_GO_ON,
        "{here}/nowhere holds no trial to continue; give the folder or file that an earlier trial printed",
    ),
    "results where nothing can be made": (
        "trial --results /proc/here -- touch ran",
        CANNOT_GO_ON,
        "/proc/here cannot be made: No such file or directory; give another with --results",
    ),
}


@pytest.mark.parametrize(("words", "status", "line"), BEFORE.values(), ids=BEFORE)
def test_what_cannot_be_meant_is_said_before_anything_runs(
    refused: Refused, tmp_path: Path, words: str, status: int, line: str
) -> None:
    glibc = os.confstr("CS_GNU_LIBC_VERSION")
    assert glibc is not None
    said = refused(status, *words.split())
    assert said.startswith(line.format(here=tmp_path, glibc=glibc.split()[1]))
    assert not (tmp_path / "ran").exists()
    assert list(tmp_path.glob("home/**/*-touch-*")) == []


def test_a_static_program_cannot_be_tried_with_a_library(refused: Refused, tmp_path: Path) -> None:
    build(tmp_path, "static", PRINTS_FRESH_BLOCK, "-static")
    said = refused(CANNOT_GO_ON, "trial", "--", "./static")
    assert said.startswith(
        "no candidate can be run: mimalloc: static is statically linked: no loader runs, so nothing can be preloaded; "
    )


def test_a_set_uid_program_cannot_be_tried(refused: Refused, tmp_path: Path) -> None:
    program = tmp_path / "privileged"
    if os.geteuid() == 0:
        shutil.copy("/bin/true", program)
        os.chown(program, 65534, -1)
        program.chmod(0o4755)
    else:
        program.symlink_to("/usr/bin/passwd")
    if os.statvfs(program).f_flag & os.ST_NOSUID:
        pytest.skip(f"{program} is on a file system that gives nobody another's rights (nosuid)")
    said = refused(CANNOT_GO_ON, "trial", "--candidates", f"mimalloc,{KNOB}", "--", "./privileged")
    assert said.startswith("no candidate can be run: mimalloc: privileged is set-uid (user ")
    assert "the loader then ignores LD_PRELOAD" in said


def test_results_that_exist_are_not_touched(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "trial.json").write_text("mine")
    said = refused(MISUSE, "trial", "--results", "results", "--", "touch", "ran")
    assert said == "results exists; give another with --results"
    said = refused(MISUSE, "trial", "-o", "trial.json", "--", "touch", "ran")
    assert said == "trial.json exists; give another file, or continue it with --resume trial.json"
    assert list((tmp_path / "results").iterdir()) == []
    assert (tmp_path / "trial.json").read_text() == "mine"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            json.dumps({"kind": "trial", "schema": 2}),
            "has schema 2, and this heapswap knows trial up to 1; upgrade heapswap to read it",
        ),
        (json.dumps({"kind": "verdict", "schema": 1}), "holds verdict, not a trial; give a file of kind trial"),
        (json.dumps({"kind": "trial", "schema": 1}), "is damaged: Object missing required field `workload`; "),
        ("#!/bin/sh", "is not a heapswap file ("),
    ],
)
def test_what_is_no_trial_of_this_heapswap_is_not_continued(
    refused: Refused, tmp_path: Path, content: str, says: str
) -> None:
    (tmp_path / "results").mkdir()
    file = tmp_path / "results" / "trial.json"
    file.write_text(content)
    assert refused(CANNOT_GO_ON, "trial", "--resume", "results").startswith(f"{file} {says}")
    assert file.read_text() == content


# --- known from the first run ------------------------------------------------------------------------------------

ONE = ("--candidates", KNOB, "--blocks", "1", "--results", "results", "-q")


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("echo almost; echo no such input >&2; exit 4", "exit status 4; last line: no such input"),
        ("kill -SEGV $$", "signal 11; last line: nothing on standard error"),
    ],
)
def test_a_program_that_fails_as_it_is(refused: Refused, tmp_path: Path, script: str, how: str) -> None:
    said = refused(CANNOT_GO_ON, "trial", *ONE, "--", "sh", "-c", script)
    folder = tmp_path / "results" / "runs" / "0000"
    assert said == (
        f"the program fails as it is today ({how}), so nothing can be compared; make it succeed first; "
        f"its output is in {folder}"
    )
    assert (folder / "stderr").exists()


@pytest.mark.parametrize(("option", "time"), [("--timeout", "1.00 s"), ("--budget", "1.00 s")])
def test_a_program_that_never_ends(refused: Refused, option: str, time: str) -> None:
    said = refused(CANNOT_GO_ON, "trial", "-q", option, "1s", "--", "sleep", "600")
    assert said == (
        f"the program did not end within {time} as it is today; give a command that ends by itself, "
        "a longer --timeout, or a larger --budget"
    )


def test_a_budget_that_is_too_small_names_the_one_that_would_do(refused: Refused, tmp_path: Path) -> None:
    words = ("--candidates", KNOB, "--results", "results", "--budget", "2s")
    said = refused(MISUSE, "trial", "-q", *words, "--", "sleep", "0.2")
    enough = said.partition("give --budget ")[2].removesuffix(" or more")
    assert "so the budget of 2.00 s holds " in said
    assert " runs and a verdict needs 24; give --budget " in said
    # The folder is free again: nothing was measured that is worth keeping.
    assert not (tmp_path / "results").exists()
    assert int(enough.removesuffix("s")) > 24 * 0.2


def test_a_metric_that_the_program_does_not_have(refused: Refused, tmp_path: Path) -> None:
    words = ("--metric", "rate=rate ([0-9]+)", "--primary", "rate")
    said = refused(MISUSE, "trial", *ONE, *words, "--", "true")
    assert said.startswith("the first run has no metric 'rate'; it has wall, cpu, ")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("name", ["setup", "prepare"])
def test_a_command_beside_it_that_fails(refused: Refused, name: str) -> None:
    command = "echo no space >&2; exit 3"
    said = refused(CANNOT_GO_ON, "trial", *ONE, f"--{name}", command, "--", "true")
    assert said == f"--{name} '{command}' ended with status 3: no space; mend it and start again"


def test_a_cleanup_that_fails_is_not_all_that_is_said(refused: Refused) -> None:
    assert refused(CANNOT_GO_ON, "trial", *ONE, "--cleanup", "exit 3", "--", "false").startswith("the program fails")


def test_a_current_folder_that_is_gone(refused: Refused, tmp_path: Path) -> None:
    before = ("sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh")
    said = refused(CANNOT_GO_ON, "trial", *ONE, "--", "true", before=before)
    assert said == "the current folder: No such file or directory; start from a folder that exists"


def test_a_folder_that_is_gone_when_a_trial_is_continued(refused: Refused, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    before = ("sh", "-c", 'cd here && exec "$@"', "sh")
    refused(
        CANNOT_GO_ON,
        "trial",
        *ONE,
        "-o",
        "../t.json",
        "--prepare",
        "[ ! -e ../go ]",
        "--",
        "touch",
        "../go",
        before=before,
    )
    assert len(load(tmp_path / "t.json").runs) == 1
    shutil.rmtree(here)
    said = refused(CANNOT_GO_ON, "trial", "--resume", "t.json", "-q")
    assert said == f"{here}: No such file or directory; start from a folder that exists"


@pytest.mark.parametrize("variable", ["LD_PRELOAD", "MALLOC_CONF"])
def test_bytes_that_are_no_text(refused: Refused, tmp_path: Path, environ: dict[str, str], variable: str) -> None:
    """In the command they cannot be kept; in the environment they are told as far as they can be."""
    said = refused(CANNOT_GO_ON, "trial", *ONE, "--", "cat", "caf\udce9")
    assert said.startswith("'caf�' holds bytes that are not UTF-8, and a saved trial cannot hold them; ")
    assert not (tmp_path / "results").exists()
    environ[variable] = "/caf\udce9.so"
    done = subprocess.run(
        [HEAPSWAP, "trial", *ONE, "--", "true"], cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0
    assert load(tmp_path / "results" / "trial.json").environment.variables == ((variable, "/caf�.so"),)


# --- a full disk -------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_keeps_what_was_measured(refused: Refused, tmp_path: Path) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept.json"
    before = on_small_disk(disk)
    script = 'file=$1; shift; "$@"; status=$?; cp "$file" kept.json; exit $status'
    said = refused(
        CANNOT_GO_ON,
        *("trial", "-q", "--candidates", KNOB, "--blocks", "30", "--results", f"{disk}/results"),
        *("--", "sh", "-c", "echo $$"),
        before=(*before, "sh", "-c", script, "sh", f"{disk}/results/trial.json"),
    )
    assert "No space left on device" in said
    assert len(load(kept).runs) > 1


def test_input_that_does_not_fit_the_disk(refused: Refused, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    before = on_small_disk(disk)
    (tmp_path / "input").write_bytes(bytes(1 << 20))
    with (tmp_path / "input").open() as file:
        words = ("trial", "--results", f"{disk}/results", "--", "cat")
        said = refused(CANNOT_GO_ON, *words, before=tuple(before), stdin=file.fileno())
    assert said == (
        f"standard input cannot be copied to {disk}/results/stdin: No space left on device; "
        "give the file itself with --stdin"
    )
