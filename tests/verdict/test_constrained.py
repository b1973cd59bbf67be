"""The rule for programs that no candidate can reach."""

import pytest

from heapswap import artifact
from heapswap.errors import Misuse
from heapswap.findings import Finding, Level
from heapswap.verdict.constrained import constrained
from heapswap.verdict.model import Decision, Verdict

REFUSED = (("mimalloc", "it is statically linked"), ("jemalloc", "it is statically linked"))


@pytest.mark.parametrize(("objective", "primary"), [("balanced", "wall"), ("cpu", "cpu"), ("memory", "idle")])
def test_the_present_allocator_stays_and_every_refusal_is_told(objective: str, primary: str) -> None:
    doubt = Finding(code="static-binary", level=Level.NOTE, seen="static", remedy="link it")
    verdict = constrained(REFUSED, baseline="current", objective=objective, findings=[doubt])
    assert (verdict.outcome, verdict.candidate, verdict.primary) == (Decision.KEEP, None, primary)
    assert verdict.rule == "constrained-target"
    assert "statically linked" in verdict.reason
    assert [(one.candidate, one.reason) for one in verdict.not_tried] == list(REFUSED)
    assert verdict.findings == (doubt,)
    assert artifact.decode(artifact.encode(verdict), "verdict", 1, Verdict, "memory") == verdict


def test_an_objective_that_does_not_exist_is_misuse() -> None:
    with pytest.raises(Misuse, match="no objective 'fast'"):
        constrained(REFUSED, baseline="current", objective="fast")
