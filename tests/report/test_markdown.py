"""Markdown for a pull request: whatever a name holds shows as text and breaks no table."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from heapswap.report.comparison.make import compare
from heapswap.report.document.comparison import comparison_document
from heapswap.report.document.make import document
from heapswap.report.document.model import Align, Column, Document, Prose, Section, Table, Tone, named, said
from heapswap.report.lines import printable
from heapswap.report.markdown import LONGEST, code, markdown, prose
from heapswap.report.reading import KINDS
from heapswap.verdict.model import Verdict
from tests.report import strategies
from tests.report.artifacts import HOSTILE, saved
from tests.report.golden_files import matches_golden

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HARMLESS = {"text", "code_inline", "softbreak"}
words = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), max_size=80))


def inline(text: str) -> list[Token]:
    """What a line is made of."""
    return [child for token in PARSER.parse(text) for child in token.children or ()]


def joined(tokens: list[Token]) -> str:
    return "".join(token.content for token in tokens).replace("\u2060", "")


@pytest.mark.parametrize("kind", KINDS)
def test_the_pages(kind: str) -> None:
    matches_golden(f"report-{kind}.md", markdown(document(saved(kind))))


def test_the_page_of_a_comparison() -> None:
    new = saved("verdict")
    assert isinstance(new, Verdict)
    old = replace(new, candidate="jemalloc", comparisons=new.comparisons[:1])
    matches_golden("report-comparison.md", markdown(comparison_document(compare(new, old))))


@given(words)
def test_prose_shows_as_it_is(text: str) -> None:
    tokens = PARSER.parse(prose(text))
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    children = inline(prose(text))
    assert {token.type for token in children} <= HARMLESS
    if len(text) <= LONGEST:
        assert joined(children) == printable(" ".join(text.split()))


@given(words)
def test_a_name_shows_as_it_is(text: str) -> None:
    children = inline(f"x {code(text)} y")
    assert [token.type for token in children] == ["text", "code_inline", "text"]
    if len(text) <= LONGEST and text.strip():
        assert children[1].content.replace("\\|", "|").strip() == printable(text).strip()


@given(st.lists(words, min_size=1, max_size=4), st.data())
@settings(max_examples=50)
def test_a_table_keeps_its_cells_whatever_they_hold(texts: list[str], data: st.DataObject) -> None:
    make = data.draw(st.sampled_from((named, said)))
    table = Table(
        caption=texts[0],
        columns=tuple(Column(title=text, align=Align.RIGHT) for text in texts),
        rows=(tuple(map(make, texts)), tuple(map(make, reversed(texts)))),
    )
    page = markdown(_document(texts[0], Section(title=texts[-1], blocks=(table,))))
    tokens = [token for token in PARSER.parse(page) if token.type in ("th_open", "td_open", "tr_open")]
    assert [token.type for token in tokens] == [
        *("tr_open", *["th_open"] * len(texts)),
        *(("tr_open", *["td_open"] * len(texts)) * 2),
    ]
    assert {token.type for token in inline(page)} <= HARMLESS


@given(strategies.verdicts)
@settings(max_examples=40)
def test_every_verdict_can_be_written(verdict: Verdict) -> None:
    page = markdown(document(verdict))
    assert all(character.isprintable() or character in "\n\u2060" for character in page)
    assert {token.type for token in inline(page)} <= HARMLESS | {"strong_open", "strong_close"}


def test_a_pull_request_is_not_flooded() -> None:
    table = Table(caption="c", columns=(Column(title="n"),), rows=tuple((said(str(n)),) for n in range(500)))
    assert "and 440 more rows." in markdown(_document("s", Section(title="t", blocks=(table, Prose(text="end")))))


def _document(subject: str, *sections: Section) -> Document:
    return Document(kind="verdict", subject=subject, answer=subject, tone=Tone.PLAIN, beside=(), sections=sections)
