"""Every form of every kind, and of two of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.errors import Misuse
from heapswap.report.document.make import document
from heapswap.report.formats import SUFFIXES, Asked, Format, written
from heapswap.report.reading import KINDS
from heapswap.report.text import document_text
from heapswap.verdict.model import Verdict
from tests.report import strategies
from tests.report.artifacts import HOSTILE, SAVED, saved
from tests.report.golden_files import matches_golden

PLAIN = [one for one in Format if one is not Format.HTML]


@pytest.mark.parametrize("format_", PLAIN)
@pytest.mark.parametrize("kind", KINDS)
def test_each_alone_and_against_itself(kind: str, format_: Format) -> None:
    asked = Asked(new=saved(kind), place=SAVED[kind])
    assert written(asked, format_, width=80)
    assert written(replace(asked, old=saved(kind)), format_, width=80)


@pytest.mark.parametrize("kind", KINDS)
def test_json_is_the_artifact_in_the_schema_of_today(kind: str) -> None:
    told = json.loads(written(Asked(new=saved(kind), place=SAVED[kind]), Format.JSON, width=80))
    assert (told["kind"], told["schema"]) == (kind, 1)
    before = json.loads(SAVED[kind].read_bytes())
    assert {name: told[name] for name in before} == before or kind in ("trial", "profile")


def test_a_table_is_for_formats_that_hold_one() -> None:
    with pytest.raises(Misuse, match="--csv and --parquet"):
        written(Asked(new=saved("trial"), place=SAVED["trial"], table="runs"), Format.JSON, width=80)


def test_every_format_has_an_ending() -> None:
    assert set(SUFFIXES.values()) == set(Format)


@pytest.mark.parametrize("width", [80, 120])
def test_a_verdict_alone_on_a_terminal(width: int) -> None:
    matches_golden(f"report-verdict-{width}.txt", document_text(document(saved("verdict")), width=width))


@given(strategies.verdicts, strategies.widths)
@settings(max_examples=60)
def test_no_line_is_wider_than_the_terminal_and_none_steers_it(verdict: Verdict, width: int) -> None:
    text = document_text(document(verdict), width=width)
    assert all(character.isprintable() or character == "\n" for character in text)


@given(st.sampled_from(HOSTILE), strategies.widths)
@settings(max_examples=30)
def test_hostile_words_are_text_on_a_terminal(word: str, width: int) -> None:
    verdict = saved("verdict")
    assert isinstance(verdict, Verdict)
    rows = tuple(replace(row, candidate=word, metric=word) for row in verdict.comparisons)
    text = document_text(document(replace(verdict, comparisons=rows, candidate=word, primary=word)), width=width)
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_place_that_is_a_folder_is_named_as_it_is(tmp_path: Path) -> None:
    text = written(Asked(new=saved("trial"), place=tmp_path), Format.TEXT, width=80).decode()
    assert str(tmp_path) in text.replace("\n", "").replace("  ", "")
