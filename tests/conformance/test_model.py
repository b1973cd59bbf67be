"""The saved form of an answer."""

from pathlib import Path

from heapswap import artifact
from heapswap.conformance.model import KIND, SCHEMA, Conformance, Outcome, Reaction
from tests.conformance.examples import ANSWER

GOLDEN = Path(__file__).with_name("golden") / "conformance-1.json"
"""A field that is added later needs a default, and a golden file of its own."""


def test_the_form_of_schema_1_is_kept() -> None:
    assert artifact.encode(ANSWER) + b"\n" == GOLDEN.read_bytes()


def test_what_was_saved_is_read() -> None:
    assert artifact.decode(GOLDEN.read_bytes(), KIND, SCHEMA, Conformance, "golden") == ANSWER


def test_the_golden_file_has_every_outcome_and_reaction() -> None:
    assert {result.outcome for result in ANSWER.clauses} == set(Outcome)
    assert {attempt.reaction for row in ANSWER.hardening for attempt in row.attempts} == set(Reaction)


def test_what_is_broken_is_what_was_not_kept() -> None:
    assert [result.id for result in ANSWER.broken] == ["natural-alignment", "threads", "fork", "random-sequences"]
