"""What the options mean: metrics of one's own, and the standard input that every run gets."""

import argparse
import contextlib
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heapswap.cli import options
from heapswap.cli.options import metrics_of, required, workload_of
from heapswap.errors import CannotGoOn, Misuse
from heapswap.trials.output import read_metrics
from heapswap.trials.record import MEASURED, Ended, measurements
from heapswap.trials.rest import Rest
from heapswap.trials.store import Results, create
from heapswap.workload import Direction, Metric, Workload
from tests.trials.test_record import ended

NOTHING = ("/dev/null", b"")


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return create(tmp_path / "results")


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    options.configure(parser)
    return parser.parse_args(words)


def workload(results: Results, *words: str, argv: tuple[str, ...] = ("program", "x")) -> Workload:
    return workload_of(parsed(*words), "/opt/program", argv, results)


@contextlib.contextmanager
def standard_input(descriptor: int | None) -> Iterator[None]:
    """File descriptor 0 as the shell would have made it; None: closed."""
    kept = os.dup(0)
    try:
        if descriptor is None:
            os.close(0)
        else:
            os.dup2(descriptor, 0)
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


# --- the workload ------------------------------------------------------------------------------------------------


def test_a_command_is_needed() -> None:
    assert required(["program", "--", "x"], "trial") == ("program", "--", "x")
    nothing: list[str] | None
    for nothing in (None, []):
        with pytest.raises(Misuse, match=r"^no command to run; write: heapswap advise -- PROGRAM ARGUMENTS$"):
            required(nothing, "advise")


def test_without_options_a_workload_is_the_command_here(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(results.folder)
    with standard_input(os.open(os.devnull, os.O_RDONLY)):
        assert workload(results) == Workload(
            argv=("program", "x"), directory=str(results.folder), program="/opt/program", stdin="/dev/null"
        )


def test_every_option_of_a_workload(results: Results) -> None:
    words = (
        "--stdin /etc/hostname --setup S --prepare P --cleanup C --timeout 1m30s --success 0 --success 3 "
        "--metric rate=([0-9]+) --more-is-better rate"
    )
    found = workload(results, *words.split())
    assert found == Workload(
        argv=("program", "x"),
        directory=str(Path.cwd()),
        program="/opt/program",
        stdin="/etc/hostname",
        setup="S",
        prepare="P",
        cleanup="C",
        timeout=90.0,
        accepted=(0, 3),
        metrics=(Metric(name="rate", pattern="([0-9]+)", direction=Direction.MORE),),
    )


def test_a_command_that_cannot_be_saved_is_refused_before_it_is_run(results: Results) -> None:
    with pytest.raises(CannotGoOn) as caught:
        workload(results, "--stdin", os.devnull, argv=("cat", "caf\udce9.txt"))
    assert str(caught.value) == (
        "'caf�.txt' holds bytes that are not UTF-8, and a saved trial cannot hold them; use a link of another name"
    )


# --- metrics of one's own ----------------------------------------------------------------------------------------


def test_metrics_are_names_and_patterns() -> None:
    assert metrics_of(["rate=([0-9.]+) req/s", "p99=p99=(.*)"], ["rate"]) == (
        Metric(name="rate", pattern="([0-9.]+) req/s", direction=Direction.MORE),
        Metric(name="p99", pattern="p99=(.*)", direction=Direction.LESS),
    )
    assert metrics_of([], []) == ()


@pytest.mark.parametrize(
    ("definitions", "more", "message"),
    [
        (["rate"], [], "--metric 'rate' is not NAME=REGEX; write for example --metric 'rps=([0-9.]+) req/s'"),
        (["=(x)"], [], "--metric '=(x)' is not NAME=REGEX; write for example --metric 'rps=([0-9.]+) req/s'"),
        (["rate="], [], "--metric 'rate=' is not NAME=REGEX; write for example --metric 'rps=([0-9.]+) req/s'"),
        (
            ["rate=(x"],
            [],
            "--metric 'rate=(x': missing ), unterminated subpattern at position 0; "
            "write a regular expression with one group",
        ),
        (["rate=x"], [], "--metric 'rate=x' has 0 groups; put one pair of parentheses around the number"),
        (["rate=(x)(y)"], [], "--metric 'rate=(x)(y)' has 2 groups; put one pair of parentheses around the number"),
        (
            ["rate=(?u)(x)"],
            [],
            "--metric 'rate=(?u)(x)': bad inline flags: cannot use 'u' flag with a bytes pattern at position 3; "
            "write a regular expression with one group",
        ),
        (["wall=(x)"], [], "--metric 'wall=(x)': there is a metric 'wall' already; give it another name"),
        (["a=(x)", "a=(y)"], [], "--metric 'a=(y)': there is a metric 'a' already; give it another name"),
        (["a=(x)"], ["b"], "--more-is-better b: no such metric; define it with --metric 'b=REGEX'"),
    ],
)
def test_a_metric_that_cannot_be_meant_is_misuse(definitions: list[str], more: list[str], message: str) -> None:
    with pytest.raises(Misuse) as caught:
        metrics_of(definitions, more)
    assert str(caught.value) == message


@pytest.mark.parametrize("pattern", ["([0-9]+)", "(?i)RATE (\\S+)", "(?:é|e) ([0-9])", "(\\d{1,3})$"])
def test_whatever_pattern_is_taken_can_be_searched_for(tmp_path: Path, pattern: str) -> None:
    printed = tmp_path / "stdout"
    printed.write_text("rate 5\né 5\n")
    rows, findings = read_metrics(metrics_of([f"mine={pattern}"], []), [printed])
    assert ([row.value for row in rows], findings) == ([5.0], [])


def test_no_metric_of_ones_own_hides_one_that_is_measured() -> None:
    record: Ended = ended(mean=1.0)
    rows = measurements(record, Rest(resident=1, began=0.0, ended=1.0))
    assert {row.metric for row in rows} == MEASURED


# --- standard input ----------------------------------------------------------------------------------------------


def test_a_file_is_read_anew_by_every_run(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "input").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert workload(results, "--stdin", "input").stdin == str(tmp_path / "input")


@pytest.mark.parametrize("place", ["none", ".", "fifo"])
def test_what_cannot_be_read_anew_is_misuse(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)
    message = f"--stdin {place} is not a file; give one that can be read anew for every run"
    with pytest.raises(Misuse, match=f"^{re.escape(message)}$"):
        workload(results, "--stdin", place)


def test_nothing_can_be_asked_for(results: Results) -> None:
    """The way out where standard input is a pipe that never ends."""
    read, write = os.pipe()
    with standard_input(read):
        assert workload(results, "--stdin", "/dev/null").stdin == "/dev/null"
    os.close(read)
    os.close(write)


def redirected(path: Path) -> int:
    path.write_bytes(b"one\ntwo\n\xff\0")
    return os.open(path, os.O_RDONLY)


def half_read(path: Path) -> int:
    descriptor = redirected(path)
    os.read(descriptor, 4)
    return descriptor


def piped(path: Path) -> int:
    read, write = os.pipe()
    os.write(write, b"from a pipe")
    os.close(write)
    return read


def devnull(path: Path) -> int:
    return os.open(os.devnull, os.O_RDONLY)


def zeros(path: Path) -> int:
    return os.open("/dev/zero", os.O_RDONLY)


def terminal(path: Path) -> int:
    return pty.openpty()[1]


def closed(path: Path) -> None:
    return None


@pytest.mark.parametrize(
    ("make", "stdin", "content"),
    [
        (redirected, "{results}/stdin", b"one\ntwo\n\xff\0"),
        (half_read, "{results}/stdin", b"two\n\xff\0"),
        (piped, "{results}/stdin", b"from a pipe"),
        (devnull, *NOTHING),
        (zeros, *NOTHING),
        (terminal, *NOTHING),
        (closed, *NOTHING),
    ],
)
def test_every_run_gets_what_is_redirected_here(
    results: Results, tmp_path: Path, make: Callable[[Path], int | None], stdin: str, content: bytes
) -> None:
    with standard_input(make(tmp_path / "input")):
        found = workload(results).stdin
    assert found == stdin.format(results=results.folder)
    with Path(found).open("rb") as first, Path(found).open("rb") as second:
        assert (first.read(), second.read()) == (content, content)


def test_who_waits_for_standard_input_is_told(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("select.select", lambda *_: ([], [], []))
    with standard_input(piped(tmp_path)):
        copy = Path(workload(results).stdin)
    assert copy.read_bytes() == b"from a pipe"
    assert capsys.readouterr().err == (
        "heapswap: standard input is read to its end first, to give it to every run; --stdin /dev/null gives none\n"
    )


def test_the_shells_own_redirections(results: Results, tmp_path: Path) -> None:
    """Descriptor 0 as it is in a new process."""
    (tmp_path / "input").write_text("from a file")
    script = (
        "import argparse, sys; from pathlib import Path; from heapswap.cli import options; "
        "from heapswap.trials.store import create; parser = argparse.ArgumentParser(); options.configure(parser); "
        "results = create(Path(sys.argv[1])); "
        "print(Path(options.workload_of(parser.parse_args([]), '/x', ('x',), results).stdin).read_text())"
    )
    heapswap = f'"{sys.executable}" -c "{script}"'
    for number, (line, content) in enumerate(
        {
            "{} <input": "from a file",
            "echo from a pipe | {}": "from a pipe\n",
            "{} <<<here": "here\n",
            "{} <&-": "",
            "{} </dev/null": "",
        }.items()
    ):
        done = subprocess.run(
            ["bash", "-c", line.format(f"{heapswap} results{number}")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"{content}\n"


def test_input_that_cannot_be_kept_is_one_line(results: Results, tmp_path: Path) -> None:
    (results.folder / "stdin").mkdir()
    with standard_input(redirected(tmp_path / "input")), pytest.raises(CannotGoOn) as caught:
        workload(results)
    assert str(caught.value) == (
        f"standard input cannot be copied to {results.folder}/stdin: Is a directory; give the file itself with --stdin"
    )


def test_a_copy_of_the_input_is_for_this_user_only(results: Results, tmp_path: Path) -> None:
    with standard_input(redirected(tmp_path / "input")):
        copy = Path(workload(results).stdin)
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
