"""The published schemas are those of the types, and what heapswap writes fits them."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from heapswap import artifact
from heapswap.report.comparison.make import compare
from heapswap.report.reading import KINDS
from heapswap.report.schemas import kinds, schema, schema_text
from heapswap.verdict.model import Verdict
from tests.report import strategies
from tests.report.artifacts import SAVED, saved

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas"


def validate(kind: str, value: object) -> None:
    jsonschema.Draft202012Validator(schema(kind)).validate(value)


def test_each_kind_has_its_page_and_there_is_no_other() -> None:
    assert {path.stem for path in PUBLISHED.iterdir()} == set(kinds())


@pytest.mark.parametrize("kind", kinds())
def test_the_published_schema_is_that_of_the_types(kind: str) -> None:
    assert (PUBLISHED / f"{kind}.json").read_text() == schema_text(kind), "run: .venv/bin/python scripts/schemas.py"
    jsonschema.Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_saved_fits(kind: str) -> None:
    validate(kind, json.loads(SAVED[kind].read_bytes()))
    validate(kind, json.loads(artifact.encode(saved(kind))))
    validate("comparison", json.loads(artifact.encode(compare(saved(kind), saved(kind)))))


@given(strategies.verdicts)
@settings(max_examples=30)
def test_every_verdict_fits(verdict: Verdict) -> None:
    validate("verdict", json.loads(artifact.encode(artifact.readable(verdict))))


@pytest.mark.parametrize(
    "damage",
    [{"kind": "trial"}, {"schema": 2}, {"schema": 0}, {"outcome": "perhaps"}, {"runs": "many"}, {"baseline": None}],
)
def test_what_does_not_fit_is_seen(damage: dict[str, Any]) -> None:
    value = json.loads(SAVED["verdict"].read_bytes()) | damage
    with pytest.raises(jsonschema.ValidationError):
        validate("verdict", value)


def test_nothing_may_be_left_out_that_has_no_default() -> None:
    value = json.loads(artifact.encode(saved("verdict")))
    for name in ("kind", "schema", "outcome", "reason"):
        with pytest.raises(jsonschema.ValidationError):
            validate("verdict", {key: content for key, content in value.items() if key != name})
