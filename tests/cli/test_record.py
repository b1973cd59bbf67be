"""`heapswap record`: the program is as it is without."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))


def record(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEAPSWAP, "record", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_output_and_status_are_the_programs_own(tmp_path: Path) -> None:
    done = record(tmp_path, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, "out\n")
    assert done.stderr.startswith("err\nheapswap: recorded ")
    assert [path.name for path in tmp_path.iterdir()] == ["sh.heap"]


def test_a_trace_that_is_there_is_kept_where_no_name_was_given(tmp_path: Path) -> None:
    for _ in range(2):
        record(tmp_path, "-q", "--", "true")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["true-2.heap", "true.heap"]


def test_a_signal_that_ends_the_program_ends_heapswap(tmp_path: Path) -> None:
    assert record(tmp_path, "-q", "--", "sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM


def test_a_signal_to_heapswap_is_the_programs(tmp_path: Path) -> None:
    script = "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    command = [HEAPSWAP, "record", "-q", "-o", "x.heap", "--", "sh", "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "told\n"
    assert process.returncode == 5


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "no command"),
        (("--max-size", "much", "--", "true"), 2, "'much' is not a size"),
        (("--max-size", "1k", "--", "true"), 2, "give 1MB at least"),
        (("--seconds", "soon", "--", "true"), 2, "'soon' is not a duration"),
        (("-o", "none/x.heap", "--", "true"), 3, "give a file that can be written with -o"),
        (("--", "no-such-program"), 3, "no-such-program"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, words: tuple[str, ...], status: int, said: str) -> None:
    done = record(tmp_path, *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
