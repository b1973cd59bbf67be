"""Standard streams that are closed, full, or left by their reader: at most one line, and the answer's exit status."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heapswap.cli.main import main

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
FULL = "heapswap: the answer cannot be printed: No space left on device; give it a file with room\n"
VERBS = ("allocators", "allocators --json", "inspect true", "inspect true --json", "run mimalloc --dry-run -- true")


def said(words: str, streams: str) -> tuple[int, str]:
    """Exit status, and what is written to standard error."""
    command = ["sh", "-c", f"{HEAPSWAP} {words} {streams}"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", VERBS)
def test_an_answer_that_nobody_reads_or_takes(words: str) -> None:
    assert said(words, ">&-") == (0, "")
    assert said(words, ">&- 2>&-") == (0, "")
    assert said(words, ">/dev/full") == (3, FULL)


@pytest.mark.parametrize("words", [*VERBS, "--help", "--version"])
def test_a_reader_that_has_left(words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as left:
        done = subprocess.run([HEAPSWAP, *words.split()], stdout=left, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_characters_that_the_encoding_lacks_are_replaced() -> None:
    command = [sys.executable, "-m", "heapswap", "allocators"]
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    assert b"jemalloc" in subprocess.check_output(command, env=environ)


def test_json_is_alone_on_standard_output_where_standard_error_is_closed(tmp_path: Path) -> None:
    words = f"trial --candidates system:arena_max=2 --blocks 1 --json --results {tmp_path / 'results'} -- true"
    for streams in ("2>&-", "2>/dev/full"):
        done = subprocess.run(["sh", "-c", f"{HEAPSWAP} {words} {streams}"], stdout=subprocess.PIPE, check=False)
        assert done.returncode == 0
        assert done.stdout.startswith(b'{"kind":"verdict"')
        assert done.stdout.count(b"\n") == 1
        words = f"trial --resume {tmp_path / 'results'} --json"


def test_a_program_without_its_separator_is_told_where_to_put_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trial", "true", "-x"]) == 2
    assert capsys.readouterr().err == (
        "heapswap: unrecognized arguments: true -x; put -- before the program, or see heapswap trial --help\n"
    )
    assert main(["inspect", "true", "false"]) == 2
    assert capsys.readouterr().err == "heapswap: unrecognized arguments: false; see heapswap inspect --help\n"
