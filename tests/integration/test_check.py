"""`heapswap check` on real trees of processes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from heapswap import native

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
PYTHON = sys.executable
LIBRARY = os.path.realpath(native.required("mimalloc"))


def checked(*words: str, status: int, cwd: Path | None = None, environ: dict[str, str] | None = None) -> dict[str, Any]:
    """What ``heapswap check --json`` says, once it has ended with this status."""
    done = subprocess.run(
        [HEAPSWAP, "check", "--json", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environ,
        timeout=120,
    )
    assert done.stderr == ""
    assert done.returncode == status, done.stdout
    answer: dict[str, Any] = json.loads(done.stdout)
    assert (answer["kind"], answer["schema"]) == ("check", 1)
    return answer


def states(answer: dict[str, Any]) -> dict[str, set[str]]:
    """State by program."""
    found: dict[str, set[str]] = {}
    for process in answer["processes"]:
        found.setdefault(Path(process["program"]).name, set()).add(process["state"])
    return found


def codes(answer: dict[str, Any]) -> set[str]:
    rows = [*answer["findings"], *(row for process in answer["processes"] for row in process["findings"])]
    return {row["code"] for row in rows}


@pytest.fixture
def static(tmp_path: Path) -> str:
    source, program = tmp_path / "static.c", tmp_path / "static-child"
    source.write_text("#include <unistd.h>\nint main(void) { char c; return read(0, &c, 1) < 0; }\n")
    subprocess.run(["gcc", "-static", "-o", str(program), str(source)], check=True)
    return str(program)


# ----------------------------------------------------------------------------------------------------- a command


def test_a_command_whose_processes_are_all_served() -> None:
    answer = checked("mimalloc", "--", "sh", "-c", "sleep 0.2; sh -c 'sleep 0.2; true'", status=0)
    assert answer["outcome"] == "in-force"
    assert (answer["declared"], answer["library"]) == ("mimalloc", str(native.bundled("mimalloc")))
    assert {state for found in states(answer).values() for state in found} == {"in-force"}
    assert {process["allocator"] for process in answer["processes"]} == {LIBRARY}


def test_a_child_that_lost_the_preload_is_a_drift() -> None:
    answer = checked("mimalloc", "--", "sh", "-c", "env -i sleep 0.4; true", status=1)
    assert "drift" in states(answer)["sleep"]
    assert "preload-stripped" in codes(answer)


def test_a_static_child_is_named_and_no_drift(static: str) -> None:
    answer = checked("mimalloc", "--", "sh", "-c", f"sleep 0.4 | {static}; true", status=0)
    assert states(answer)["static-child"] == {"out-of-reach"}
    assert codes(answer) == {"out-of-reach"}


def test_a_static_program_itself_is_refused_as_run_would(static: str) -> None:
    assert "static-binary" in codes(checked("mimalloc", "--", static, status=1))


def test_a_program_that_fails_is_not_confirmed() -> None:
    answer = checked("mimalloc", "--", "sh", "-c", "echo broken >&2; exit 3", status=1)
    (found,) = answer["findings"]
    assert (found["code"], "status 3 (broken)" in found["seen"]) == ("did-not-complete", True)


# ------------------------------------------------------------------------------------------------ what is declared


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.heapswap]\ndefault-features = ["mimalloc"]\n[tool.heapswap.features]\n'
        'mimalloc = { allocator = "mimalloc" }\n'
        'gone = { allocator = "mimalloc@1" }\n'
        "mac = { allocator = 'mimalloc', marker = \"sys_platform == 'darwin'\" }\n"
    )
    return tmp_path


def test_the_manifest_of_the_working_directory(project: Path) -> None:
    answer = checked(status=0, cwd=project)
    assert answer["asked"] == f"{project}/pyproject.toml, feature mimalloc from default-features"
    assert codes(answer) == {"not-looked-at"}


def test_a_library_that_is_not_here_is_a_drift(project: Path) -> None:
    assert codes(checked("--no-default-features", "--features", "gone", status=1, cwd=project)) == {"library-gone"}


def test_a_feature_that_is_not_for_this_platform_is_no_drift(project: Path) -> None:
    answer = checked("--no-default-features", "--features", "mac", status=0, cwd=project)
    assert (answer["outcome"], codes(answer)) == ("nothing-declared", {"nothing-declared"})


def test_turned_off_is_no_drift(project: Path) -> None:
    environ = {**os.environ, "HEAPSWAP_DISABLE": "1"}
    assert checked("--", "false", status=0, cwd=project, environ=environ)["outcome"] == "disabled"


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["--pid", "1", "--", "true"], 2, "one thing to check"),
        (["--pid", "0"], 2, "'0' is no process"),
        (["--pid", str(2**22 + 7), "mimalloc"], 3, "there is no process"),
        (["mimalloc", "--"], 2, "no command behind --"),
        (["mimaloc"], 2, "did you mean mimalloc"),
        (["current"], 2, "always in force"),
        (["mimalloc", "--features", "a"], 2, "give one of the two"),
        ([], 2, "no candidate, and no"),
    ],
)
def test_what_cannot_be_checked_is_one_line(words: list[str], status: int, says: str) -> None:
    done = subprocess.run([HEAPSWAP, "check", *words], capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (status, "", 1)
    assert says in done.stderr


def test_a_process_that_has_ended_and_was_not_waited_for_is_no_drift() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    done = subprocess.run(
        [HEAPSWAP, "check", "mimalloc", "--pid", str(ended.pid)], capture_output=True, text=True, check=False
    )
    ended.wait()
    assert (done.returncode, done.stdout) == (3, "")
    assert f"process {ended.pid} runs no program, or ended just now" in done.stderr


# ------------------------------------------------------------------------------------------------- a running tree

SERVICE = """
import subprocess, sys
import heapswap
heapswap.global_allocator({arguments})
children = [subprocess.Popen(words, stdin=subprocess.PIPE) for words in {children}]
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Any]:
    """Start a declaring program below a shell, with children that wait until it ends; gives the shell's pid."""
    started: list[subprocess.Popen[str]] = []

    def start(arguments: str, *children: Sequence[str], environ: dict[str, str] | None = None) -> int:
        script = tmp_path / "service.py"
        script.write_text(SERVICE.format(arguments=arguments, children=list(children)))
        shell = subprocess.Popen(
            ["sh", "-c", f"{PYTHON} {script}; true"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
        )
        started.append(shell)
        assert shell.stdout is not None
        assert shell.stdout.readline() == "ready\n"
        return shell.pid

    yield start
    for shell in started:
        shell.communicate()


def test_a_running_service_is_in_force_by_its_own_declaration(service: Any) -> None:
    answer = checked("--pid", str(service("'mimalloc'", ["cat"])), status=0)
    assert answer["declared"] == "mimalloc"
    assert answer["asked"].endswith("service.py:4")
    shell = Path(shutil.which("sh") or "").resolve().name
    assert states(answer)[shell] == {"before"}
    assert states(answer)["cat"] == {"in-force"}


def test_a_running_child_that_lost_the_preload(service: Any, static: str) -> None:
    answer = checked("--pid", str(service("'mimalloc'", ["env", "-i", "cat"], [static])), status=1)
    assert (states(answer)["cat"], states(answer)["static-child"]) == ({"drift"}, {"out-of-reach"})
    assert codes(answer) == {"preload-stripped", "out-of-reach"}


def test_a_running_service_with_another_version(service: Any) -> None:
    answer = checked("mimalloc@2", "--pid", str(service("'mimalloc'")), status=1)
    assert codes(answer) == {"other-build", "not-in-force"}


def test_a_running_service_with_another_knob(service: Any) -> None:
    pid = str(service("'jemalloc', dirty_decay_ms=1000"))
    assert checked("jemalloc:dirty_decay_ms=1000", "--pid", pid, status=0)["outcome"] == "in-force"
    assert codes(checked("jemalloc:dirty_decay_ms=5", "--pid", pid, status=1)) == {"knob-drift"}
    assert codes(checked("jemalloc:dirty_decay_ms=1000,narenas=2", "--pid", pid, status=1)) == {"knob-drift"}


def test_several_tunables_of_the_c_library_are_read_whole(service: Any) -> None:
    pid = str(service("'system:tcache_count=3,arena_max=2'"))
    assert checked("system:tcache_count=3,arena_max=2", "--pid", pid, status=0)["outcome"] == "in-force"
    assert codes(checked("system:tcache_count=4", "--pid", pid, status=1)) >= {"knob-drift"}


def test_a_library_that_was_replaced_under_a_running_service(tmp_path: Path) -> None:
    copy = tmp_path / "libcopy.so"
    shutil.copy(LIBRARY, copy)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, env={**os.environ, "LD_PRELOAD": str(copy)}) as child:
        assert child.stdin is not None
        while "libcopy" not in Path(f"/proc/{child.pid}/maps").read_text():
            pass
        assert checked(str(copy), "--pid", str(child.pid), status=0)["outcome"] == "in-force"
        copy.unlink()
        shutil.copy(LIBRARY, copy)
        answer = checked(str(copy), "--pid", str(child.pid), status=1)
        child.stdin.close()
    assert codes(answer) == {"library-gone"}
