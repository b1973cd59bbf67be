"""Real children of the compiled program: the protocol, the proof, a hang."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from heapswap import native
from heapswap.allocators.activation import activate
from heapswap.allocators.model import Candidate
from heapswap.conformance import price
from heapswap.conformance.child import C_LIBRARY, Subject, ask, subject
from heapswap.conformance.clauses import CLAUSES, MISUSES, RANDOM
from heapswap.conformance.model import Outcome
from heapswap.errors import CannotGoOn
from tests.native.support import library

SYSTEM = subject(activate(Candidate(library="system")), os.environ)


def listed(kind: str) -> list[str]:
    command = [str(native.conformer()), "list", kind]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("clause", [clause.id for clause in CLAUSES if clause.id != RANDOM]),
        ("misuse", [misuse.id for misuse in MISUSES]),
        ("cost", list(price.LOOPS)),
    ],
)
def test_both_tables_have_the_same_names(kind: str, names: list[str]) -> None:
    assert listed(kind) == names


def test_another_malloc_than_the_expected_one_is_refused() -> None:
    path = str(library("jemalloc"))
    plain = Subject(program=SYSTEM.program, expected=path, environ=SYSTEM.environ)
    with pytest.raises(CannotGoOn, match=r"malloc is answered by .*libc.*, not by .*jemalloc"):
        ask(plain, "clause", "zero-size", patience=20)
    swapped = Subject(program=SYSTEM.program, expected=C_LIBRARY, environ={"LD_PRELOAD": path})
    with pytest.raises(CannotGoOn, match=r"answered by .*jemalloc.*, not by the C library"):
        ask(swapped, "clause", "zero-size", patience=20)


def test_what_the_loader_cannot_preload_is_refused_with_its_words(tmp_path: Path) -> None:
    path = str(tmp_path / "libnone.so")
    broken = Subject(program=SYSTEM.program, expected=path, environ={"LD_PRELOAD": path})
    with pytest.raises(CannotGoOn, match="cannot be preloaded"):
        ask(broken, "clause", "zero-size", patience=20)


def test_the_environment_replaces_the_allocator_that_is_preloaded() -> None:
    present = {**os.environ, "LD_PRELOAD": str(library("mimalloc"))}
    jemalloc = subject(activate(Candidate(library="jemalloc")), present)
    assert ask(jemalloc, "clause", "zero-size", patience=20).word == "held"


def test_a_hang_is_noticed_and_the_child_is_gone(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = tmp_path / "hangs"
    program.write_text(f"#!/bin/sh\nsleep 600 &\necho $$ $! > {pids}\nwait\n")
    program.chmod(0o755)
    ended = ask(Subject(program=str(program), expected="-", environ=os.environ), patience=3.0)
    assert (ended.outcome, ended.seen) == (Outcome.HUNG, "no answer within 3 s")
    # What has been killed ends when its turn comes.
    started, patience = pids.read_text().split(), time.monotonic() + 60
    while (alive := [pid for pid in started if is_alive(pid)]) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not alive


def is_alive(pid: str) -> bool:
    """Whether a process runs, or could."""
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_program_is_played_line_by_line() -> None:
    program = "a = malloc(100)\nthread 1: b = calloc(3, 40)\na = realloc(a, 9000)\nthread 2: free(b)\n"
    assert ask(SYSTEM, "play", patience=20, text=program).word == "held"
    ended = ask(SYSTEM, "play", patience=20, text="free(a)\n")
    assert (ended.word, ended.detail) == ("deviates", "line 1, free(a): a is not live")
