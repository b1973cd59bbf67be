"""Only what a person names, or a verdict adopted, is deployed."""

from dataclasses import replace

import pytest

from heapswap import artifact
from heapswap.deploy.choice import adopted, named
from heapswap.errors import CannotGoOn, Misuse
from heapswap.verdict.model import Decision, Verdict

VERDICT = Verdict(
    outcome=Decision.ADOPT,
    candidate="mimalloc@2",
    baseline="current",
    objective="cpu",
    primary="cpu",
    rule="beyond-the-margin",
    reason="it is better",
    evidence="sha256:0",
)


def test_an_adopted_candidate_with_its_evidence() -> None:
    choice = adopted(artifact.encode(VERDICT), "verdict.json")
    assert (str(choice.candidate), choice.asked, choice.evidence) == ("mimalloc@2", "verdict.json", "sha256:0")


def test_a_verdict_about_a_replay_deploys_nothing() -> None:
    with pytest.raises(CannotGoOn, match=r"^v is about the replay of .*trial --candidates mimalloc@2 -- PROG"):
        adopted(artifact.encode(replace(VERDICT, objective="heap")), "v")


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Decision.KEEP, r"^v says keep, .*: the allocator stays as it is; name a candidate"),
        (Decision.INCONCLUSIVE, r"^v says inconclusive, .*: measure with a larger --budget \(about 9 more runs\)"),
        (Decision.UNSAFE, r"^v says unsafe, .*leave the allocator as it is"),
    ],
)
def test_any_other_verdict_says_why_and_what_to_do(outcome: Decision, says: str) -> None:
    verdict = replace(VERDICT, outcome=outcome, candidate=None, runs_needed=9)
    with pytest.raises(CannotGoOn, match=says):
        adopted(artifact.encode(verdict), "v")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (artifact.encode(replace(VERDICT, schema=2)), "schema 2, .*upgrade"),
        (b'{"kind": "trial", "schema": 1}', "holds trial, not a verdict"),
        (b"\xff", "is not a heapswap file"),
        (b"", "is not a heapswap file"),
        (b'{"kind": "verdict", "schema": 1}', "is damaged"),
        (artifact.encode(replace(VERDICT, candidate=None)), "damaged; measure again"),
    ],
)
def test_what_is_no_verdict_is_refused_in_one_line(data: bytes, says: str) -> None:
    with pytest.raises(CannotGoOn, match=says) as refused:
        adopted(data, "v")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("spelling", ["current", "system"])
def test_what_changes_nothing_is_not_deployed(spelling: str) -> None:
    with pytest.raises(Misuse, match="changes nothing"):
        named(spelling)
