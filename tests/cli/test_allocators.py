import json

import pytest

from heapswap.cli.main import main


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_overview_names_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allocators"]) == 0
    output = capsys.readouterr().out
    assert "system " in output
    assert "mimalloc" in output
    assert max(map(len, output.splitlines())) <= 80


def test_json_holds_libraries_missing_and_families(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allocators", "--json"]) == 0
    taken = json.loads(capsys.readouterr().out)
    assert (taken["kind"], taken["schema"]) == ("allocators", 1)
    assert {"libraries", "missing", "families", "findings"} <= set(taken)
    names = [family["name"] for family in taken["families"]]
    assert {"mimalloc", "jemalloc", "tcmalloc", "snmalloc", "glibc", "musl"} <= set(names)
    glibc = next(family for family in taken["families"] if family["name"] == "glibc")
    arena_max = next(knob for knob in glibc["knobs"] if knob["name"] == "arena_max")
    assert arena_max["variable"] == "MALLOC_ARENA_MAX"


def test_one_family_shows_its_knobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allocators", "jemalloc"]) == 0
    output = capsys.readouterr().out
    assert "dirty_decay_ms" in output
    assert "/returning" in output
    assert "mimalloc" not in output


def test_system_is_the_c_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allocators", "system", "--json"]) == 0
    taken = json.loads(capsys.readouterr().out)
    assert [family["name"] for family in taken["families"]] == [taken["system"].split()[0]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["allocators", "jemaloc"], "heapswap: 'jemaloc' is no allocator; did you mean jemalloc"),
        (["allocators", "--", "true"], "heapswap: 'heapswap allocators' takes no command"),
    ],
)
def test_misuse_is_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(says)
    assert captured.err.count("\n") == 1
    assert captured.out == ""
