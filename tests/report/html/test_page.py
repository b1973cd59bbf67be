"""The page: whatever a name holds shows as text, nothing is loaded, and no script runs but its own."""

import base64
import hashlib
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.errors import CannotGoOn
from heapswap.report.document.make import document
from heapswap.report.html.page import _environment, fragment, page
from heapswap.report.lines import printable
from heapswap.report.reading import KINDS
from heapswap.trials.model import Trial
from heapswap.verdict.model import Verdict
from heapswap.verdict.prediction import Prediction
from tests.report import strategies
from tests.report.artifacts import HOSTILE, saved

words = st.one_of(
    st.sampled_from([word for word in HOSTILE if word]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80),
)


class Read(HTMLParser):
    """The elements of a page and its text, apart from its scripts and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.links: list[str] = []
        self.policy = ""
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attributes)))
        self._inside = tag
        values = dict(attributes)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values.get("content") or ""
        self.links += [value or "" for name, value in attributes if name in ("href", "src")]

    def handle_endtag(self, _: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.words.append(data)


@pytest.fixture(autouse=True)
def _small_plotly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one is parsed in the acceptance tests; here it would only be slow."""
    monkeypatch.setattr("heapswap.report.html.page._plotly", lambda: "/* plotly */")


def named(verdict: Verdict, word: str) -> Verdict:
    """The verdict with a word wherever the user's own words can stand."""
    return replace(
        verdict,
        baseline=word,
        reason=f"this is why: {word}",
        comparisons=tuple(replace(row, candidate=word, metric=word, unit=word) for row in verdict.comparisons[:1]),
        guards=tuple(replace(row, candidate=word, metric=word) for row in verdict.guards[:1]),
        not_tried=tuple(replace(one, candidate=word, reason=word) for one in verdict.not_tried),
        findings=tuple(replace(one, seen=word, remedy=word or "-", code=word) for one in verdict.findings),
        primary=word,
        control=None,
        candidate=word,
    )


@given(words)
@settings(max_examples=40)
def test_no_name_becomes_an_element(word: str) -> None:
    verdict = saved("verdict")
    assert isinstance(verdict, Verdict)
    plain, hostile = Read(page(document(named(verdict, "plain")))), Read(page(document(named(verdict, word))))
    assert hostile.tags == plain.tags
    assert printable(word).replace("\\n", "\n") in "".join(hostile.words) or not word.isprintable()
    assert all(character.isprintable() or character == "\n" for character in "".join(hostile.words))
    (figures, *code) = hostile.scripts
    assert json.loads(figures)
    assert code == plain.scripts[1:]


@given(words)
@settings(max_examples=20)
def test_no_name_becomes_an_element_of_a_trial(word: str) -> None:
    trial = saved("trial")
    assert isinstance(trial, Trial)
    pages = []
    for name in ("plain", word):
        runs = tuple(
            replace(
                run, slot=replace(run.slot, candidate=name if run.slot.candidate == "mimalloc" else run.slot.candidate)
            )
            for run in trial.runs
        )
        design = replace(trial.design, candidates=(name, "system:arena_max=2"))
        workload = replace(trial.workload, argv=("/usr/bin/x", name), setup=name or " ", directory=name)
        pages.append(Read(page(document(replace(trial, runs=runs, design=design, workload=workload)))))
    assert pages[0].tags == pages[1].tags


@given(words)
@settings(max_examples=20)
def test_no_name_becomes_an_element_of_a_prediction(word: str) -> None:
    prediction = saved("prediction")
    assert isinstance(prediction, Prediction)
    pages = []
    for name in ("plain", word):
        memory, time = (
            tuple(replace(row, candidate=f"{at} {name}") for at, row in enumerate(rows))
            for rows in (prediction.memory, prediction.time)
        )
        told = replace(prediction, memory=memory, time=time, baseline=name, candidate=name, recording=name)
        pages.append(Read(page(document(told))))
    assert pages[0].tags == pages[1].tags
    assert all(character.isprintable() or character == "\n" for character in "".join(pages[1].words))
    assert json.loads(pages[1].scripts[0])


@given(strategies.verdicts)
@settings(max_examples=25)
def test_every_verdict_can_be_shown(verdict: Verdict) -> None:
    assert Read(page(document(verdict))).tags
    assert Read(fragment(document(verdict))).tags


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_first_and_nothing_is_loaded(kind: str) -> None:
    found = document(saved(kind))
    read = Read(page(found))
    body = [tag for tag, _ in read.tags[[tag for tag, _ in read.tags].index("body") :]]
    assert body.index("h1") < min(body.index(tag) for tag in ("h2", "table", "nav") if tag in body)
    assert printable(found.answer) in "".join(read.words)
    assert all(link.startswith("#") for link in read.links)
    assert read.policy.startswith("default-src 'none'; script-src ")
    allowed = re.findall(r"'sha256-([^']+)'", read.policy)
    scripts = [script for script in read.scripts if not script.startswith("[{")]
    assert allowed == [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]


def test_every_heading_and_figure_has_its_place() -> None:
    text = page(document(saved("trial")))
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', text)) <= set(ids)
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
    numbers = [int(one) for one in re.findall(r'class="chart" data-figure="(\d+)"', text)]
    (figures,) = re.findall(r'<script type="application/json" id="figures">(.*)</script>', text)
    assert numbers == list(range(len(json.loads(figures))))
    assert numbers


def test_a_fragment_for_a_notebook_has_no_script() -> None:
    read = Read(fragment(document(saved("trial"))))
    assert "script" not in {tag for tag, _ in read.tags}
    assert "table" in {tag for tag, _ in read.tags}


@pytest.mark.parametrize(("missing", "says"), [("jinja2", "Jinja2"), ("plotly", "Plotly")])
def test_what_is_not_installed_is_one_clear_line(missing: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    _environment.cache_clear()
    for module in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(CannotGoOn, match=rf"a page needs {says}.*pip install 'heapswap\[report\]'"):
        page(document(saved("trial")))
