"""The page of the documentation: every clause and mistake is on it, and no deviation stays without its reason."""

import pytest
from scripts.conformance_page import EXPLAINED, Examined, steady, unexplained

from heapswap.conformance.clauses import CLAUSES, MISUSES, Clause
from tests.native.support import ROOT

PAGE = (ROOT / "docs/conformance.md").read_text()


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.id)
def test_every_clause_is_on_the_page(clause: Clause) -> None:
    assert f"| `{clause.id}`: {clause.says} | {clause.source} |" in PAGE, "run: make docs-tables"


def test_every_mistake_is_on_the_page() -> None:
    assert [misuse.id for misuse in MISUSES if f"| {misuse.says} |" not in PAGE] == [], "run: make docs-tables"


def examined(known_as: str, *broken: str) -> Examined:
    rows = [
        {"id": clause.id, "outcome": "deviates" if clause.id in broken else "held", "detail": ""} for clause in CLAUSES
    ]
    return Examined(known_as=known_as, answer={"clauses": rows})


def test_a_deviation_needs_its_explanation() -> None:
    (line,) = unexplained([examined("a new one, system", "threads")])
    assert line == "a new one, system: threads deviates, and EXPLAINED does not say why"


def test_an_explanation_needs_its_deviation() -> None:
    explained = [clause for name, clause in EXPLAINED if name == "glibc"]
    assert unexplained([examined("glibc", *explained)]) == []
    (line,) = unexplained([examined("glibc", *explained[1:])])
    assert f"{explained[0]} does not deviate" in line


def test_addresses_are_left_out() -> None:
    assert steady("malloc(16) answered 0x7f00ab, which is no multiple of 16") == (
        "malloc(16) answered 0x…, which is no multiple of 16"
    )
