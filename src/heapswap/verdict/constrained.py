"""The fourth rule: where no candidate can take effect, the present allocator stays, and no run is needed to say so."""

from collections import Counter
from collections.abc import Sequence

from heapswap.findings import Finding
from heapswap.verdict.model import Decision, NotTried, Verdict
from heapswap.verdict.objective import objective as row

RULE = "constrained-target"


def constrained(
    refused: Sequence[tuple[str, str]], *, baseline: str, objective: str, findings: Sequence[Finding] = ()
) -> Verdict:
    """The verdict on a program that is static, set-uid, for another C library, or has an allocator of its own.

    Args:
        refused: every candidate with the reason why it cannot take effect; at least one.
        findings: doubts about the program as it is.

    Raises:
        Misuse: no such objective.
    """
    ((usual, _),) = Counter(reason for _, reason in refused).most_common(1)
    return Verdict(
        outcome=Decision.KEEP,
        candidate=None,
        baseline=baseline,
        objective=objective,
        primary=row(objective).primary[0],
        rule=RULE,
        reason=f"no candidate can take effect in this program: {usual}",
        not_tried=tuple(NotTried(candidate=candidate, reason=reason) for candidate, reason in refused),
        findings=tuple(findings),
    )
