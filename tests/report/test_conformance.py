"""The page of `heapswap conform`, and its JUnit form."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from heapswap.conformance.clauses import CLAUSES, MISUSES, RANDOM
from heapswap.report.conformance import conformance_text, headline
from heapswap.report.junit import junit
from tests.conformance.examples import ANSWER, BROKEN
from tests.report.golden_files import matches_golden


@pytest.mark.parametrize("width", [80, 120])
def test_page(width: int) -> None:
    text = conformance_text(ANSWER, width=width)
    assert max(map(len, text.splitlines())) <= width
    matches_golden(f"conformance-{width}.txt", text)


@pytest.mark.parametrize("width", [40, 60, 100])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    path = "/opt/a-rather-long-folder/of-somebody/with-many/parts/libmine.so.2"
    row = replace(ANSWER.hardening[0], candidate=path)
    alone = replace(ANSWER, candidate=path, hardening=(row,), prices=())
    for answer in (ANSWER, alone):
        assert max(map(len, conformance_text(answer, width=width, details=True).splitlines())) <= width


def test_details_of_what_holds_are_asked_for() -> None:
    assert "as it should be" not in conformance_text(ANSWER, width=80)
    detailed = conformance_text(ANSWER, width=80, details=True)
    assert detailed.count("as it should be") == len(CLAUSES) - len(BROKEN)
    assert detailed.count("what was seen") >= 2 * len(MISUSES)


def test_a_known_deviation_is_marked() -> None:
    assert "(deviates)" in conformance_text(ANSWER, width=80, known=["natural-alignment"])


def test_the_headline_counts_what_applies() -> None:
    told = headline(ANSWER)
    assert told.startswith(f"mimalloc+secure 3.3.2: {len(CLAUSES) - 5} of {len(CLAUSES) - 1} clauses hold")
    assert "deviates: natural-alignment, random-sequences" in told
    assert "crashed: threads" in told
    assert "hung: fork" in told


def test_junit_has_a_case_for_each_clause() -> None:
    suite = ElementTree.fromstring(junit(ANSWER))
    assert suite.tag == "testsuite"
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": str(len(CLAUSES)),
        "failures": "2",
        "errors": "2",
        "skipped": "1",
    }
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert list(cases) == [clause.id for clause in CLAUSES]
    failure = cases[RANDOM].find("failure")
    assert failure is not None
    assert failure.get("message") == "line 2, a = realloc(a, 81): byte 72 is 0x00"
    assert "a = malloc(73)\na = realloc(a, 81)" in (failure.text or "")
    error = cases["threads"].find("error")
    assert error is not None
    assert "heap smashed" in (error.get("message") or "")
    assert "\x1b" not in junit(ANSWER).decode()


def test_junit_leaves_known_deviations_out_of_the_failures() -> None:
    suite = ElementTree.fromstring(junit(ANSWER, ["natural-alignment", RANDOM]))
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "3")
