"""cli.conform: what is asked, what is printed, the exit status, and what is refused."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from heapswap.cli.main import main
from heapswap.conformance.model import Conformance
from tests.conformance.libraries import broken


def test_one_clause_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "jemalloc", "--only", "zero-size", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == list(Conformance.__dataclass_fields__)
    assert (printed["kind"], printed["schema"], printed["candidate"]) == ("conformance", 1, "jemalloc")
    assert printed["clauses"] == [{"id": "zero-size", "outcome": "held", "detail": printed["clauses"][0]["detail"]}]
    assert printed["library"]["family"] == "jemalloc"
    assert printed["hardening"] == []


def test_a_broken_library_by_its_path_exits_1_unless_that_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = broken("misaligned", tmp_path)
    words = ["--only", "natural-alignment", "--only", "zero-size"]
    assert main(["conform", path, *words]) == 1
    captured = capsys.readouterr()
    assert "1 of 2 clauses hold; deviates: natural-alignment" in " ".join(captured.out.split())
    assert captured.err == ""
    assert main(["conform", path, *words, "--known", "natural-alignment"]) == 0
    assert "(deviates)" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    assert main(["conform", "libmisaligned.so", *words]) == 1


def test_junit_is_saved_beside_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "conformance.xml"
    assert main(["conform", "system", "--only", "whole-family", "--junit", str(file)]) == 0
    assert "1 of 1 clauses hold" in capsys.readouterr().out
    suite = ElementTree.parse(file).getroot()
    assert [case.get("name") for case in suite.iter("testcase")] == ["whole-family"]


def test_where_junit_cannot_be_saved_nothing_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "heapswap.cli.conform.examine", lambda *_, **__: pytest.fail("minutes of questions for nothing")
    )
    assert main(["conform", "system", "--junit", "/nowhere/x.xml"]) == 3


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["conform"], 2, "required"),
        (["conform", "current"], 2, "current is whatever runs today"),
        (["conform", "jemaloc"], 2, "did you mean jemalloc"),
        (["conform", "jemalloc", "--only", "zero-sise"], 2, "did you mean zero-size"),
        (["conform", "jemalloc", "--", "true"], 2, "takes no command"),
        (["conform", "/nowhere/libnone.so"], 3, "does not exist"),
        (["conform", "/usr"], 3, "/usr is no file"),
        (["conform", "system", "--only", "zero-size", "--junit", "/nowhere/x.xml"], 3, "cannot be saved"),
        (["conform", "system", "--only", "zero-size", "--junit", "/usr"], 3, "cannot be saved"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    words: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert message in captured.err
