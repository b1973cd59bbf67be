"""Which candidates are tried after the first run."""

import pytest

from heapswap.allocators.spelling import parse
from heapswap.cli.beginning import choose
from heapswap.cli.entrants import Entrants
from heapswap.verdict.model import Advice, Diagnosis
from heapswap.verdict.symptoms import Symptom

SPELLINGS = ("mimalloc", "jemalloc:narenas=1", "system/speed", "system:python=mimalloc")
ENTRANTS = Entrants(
    arms={}, candidates=tuple(map(parse, SPELLINGS)), not_tried=(), findings=(), costs=tuple(range(len(SPELLINGS)))
)


def tried(diagnosis: Diagnosis | None) -> list[str]:
    return [str(one) for one in choose(ENTRANTS, diagnosis).costs]


def says(advice: Advice, *symptoms: Symptom) -> Diagnosis:
    return Diagnosis(advice=advice, reason="", primary="cpu", symptoms=symptoms)


def test_where_only_pythons_own_allocator_is_not_shown_only_what_replaces_it_is_tried() -> None:
    """And the family that somebody installed, which has a place in no table."""
    chosen = choose(ENTRANTS, says(Advice.OBJECTS, Symptom.OBJECTS))
    assert {str(one): cost for one, cost in chosen.costs.items()} == {
        "jemalloc:narenas=1": 1,
        "system:python=mimalloc": 3,
    }
    assert dict(chosen.left_out) == dict.fromkeys(
        ("mimalloc", "system/speed"),
        "no help against what the profile does not exclude (objects); --skip-profile tries it",
    )


def test_beside_other_symptoms_it_adds_to_what_they_have_tried() -> None:
    assert tried(says(Advice.SLOW, Symptom.CONTENTION)) == ["mimalloc", "jemalloc:narenas=1"]
    assert tried(says(Advice.SLOW, Symptom.FAULTS, Symptom.OBJECTS)) == list(SPELLINGS)


@pytest.mark.parametrize("diagnosis", [None, says(Advice.UNKNOWN)])
def test_where_nothing_is_shown_everything_is_tried(diagnosis: Diagnosis | None) -> None:
    chosen = choose(ENTRANTS, diagnosis)
    assert ([str(one) for one in chosen.costs], chosen.left_out) == (list(SPELLINGS), ())
