"""cli.report: which format, where it goes, and what is refused."""

import json
from pathlib import Path

import pytest

from heapswap.cli.main import main
from tests.report.artifacts import SAVED

TRIAL, VERDICT = str(SAVED["trial"]), str(SAVED["verdict"])


def test_text_is_what_a_terminal_gets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", VERDICT]) == 0
    assert capsys.readouterr().out.startswith("Adopt mimalloc: CPU time -38.1 %")


def test_two_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", VERDICT, VERDICT, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["kind"], printed["of"], printed["turns"]) == ("comparison", "verdict", [])


@pytest.mark.parametrize("name", ["r.html", "r.md", "r.json", "r.csv", "r.parquet", "r.txt"])
def test_the_ending_of_a_file_says_the_format(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / name
    assert main(["report", TRIAL, "-o", str(file)]) == 0
    starts = {"html": b"<!doctype html>", "md": b"## ", "json": b"{", "csv": b"run,", "parquet": b"PAR1"}
    assert file.read_bytes().startswith(starts.get(file.suffix[1:], b""))
    assert capfd.readouterr().out == ""


def test_parquet_goes_through_a_pipe(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["report", TRIAL, "--parquet"]) == 0
    out = capfdbinary.readouterr().out
    assert (out[:4], out[-4:]) == (b"PAR1", b"PAR1")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ([], 2, "required"),
        ([TRIAL, "-o", "r.what"], 2, "its ending says no format"),
        ([TRIAL, "--json", "--csv"], 2, "not allowed with"),
        ([TRIAL, "--csv", "--table", "run"], 2, "did you mean runs"),
        ([TRIAL, "--json", "--table", "runs"], 2, "--table is for --csv and --parquet"),
        ([TRIAL, str(SAVED["profile"])], 2, "a trial and a profile cannot be compared"),
        ([TRIAL, "--", "true"], 2, "takes no command"),
        ([TRIAL, "--folded", __file__, "--html"], 3, "line 1: no folded stack"),
        ([TRIAL, "--folded", "/dev/null", "--html"], 2, "folded stacks belong to a profile"),
        ([str(SAVED["profile"]), "--folded", "/dev/null", "--json"], 2, "use it with --html"),
        (["/nowhere/x.json"], 3, "cannot be read"),
        ([TRIAL, "-o", "/nowhere/x.json"], 3, "cannot be saved"),
        ([__file__], 3, "is no artifact of heapswap"),
    ],
)
def test_refusals(words: list[str], status: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *words]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert len(captured.err.splitlines()) == 1


def test_a_terminal_is_not_flooded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["report", TRIAL, "--html"]) == 2
    assert "name a file, for example -o report.html" in capsys.readouterr().err
