"""The saved answer, and the exit status it stands for."""

from pathlib import Path

import pytest

from heapswap import artifact
from heapswap.cli.measuring import EXIT_CODES, budget_of
from heapswap.errors import INTERRUPTED, CannotGoOn
from heapswap.report.verdict import verdict_json
from heapswap.trials.model import Slot, Stage
from heapswap.verdict.model import Comparison, Decision, GuardState, Verdict
from tests.trials.synthetic import run

GOLDEN = Path(__file__).with_name("golden") / "verdict-1.json"
"""What scripts read: `--json`, and verdict.json in the results folder. It is never changed; a field that is added later
needs a default, and a golden file of its own."""
SERVICE = GOLDEN.with_name("verdict-1-service.json")
"""The same, of a service under load."""
WAITING = GOLDEN.with_name("verdict-1-waiting.json")
"""The same, with what it and its load waited for a core."""
PROFILED = GOLDEN.with_name("verdict-1-profile.json")
"""The same, of a program whose profile was enough."""


def read(data: bytes) -> Verdict:
    return artifact.decode(data, "verdict", 1, Verdict, "verdict.json")


def test_the_format_is_what_it_was() -> None:
    assert verdict_json(read(PROFILED.read_bytes())) == PROFILED.read_bytes()
    # The field that came with profiles stands last, and is empty.
    assert verdict_json(read(WAITING.read_bytes())) == WAITING.read_bytes()
    service = verdict_json(read(SERVICE.read_bytes())).replace(b',"diagnosis":null', b"", 1)
    # So are those of what a service and its load waited for a core, at every step.
    assert service.replace(b',"service_waiting":null,"load_waiting":null', b"") == SERVICE.read_bytes()
    verdict = read(GOLDEN.read_bytes())
    # The fields that came with services stand behind each other, and are empty.
    then = verdict_json(verdict).replace(b',"diagnosis":null', b"", 1)
    assert then.replace(b'"ramps":[],"growths":[],', b"", 1) == GOLDEN.read_bytes()
    assert {row.verdict for row in verdict.comparisons} == set(Comparison)
    assert {check.state for check in verdict.guards} == set(GuardState)
    assert None not in (verdict.control, verdict.excluded, verdict.detectable, verdict.runs_needed)


def test_a_verdict_of_a_newer_heapswap_is_not_misread() -> None:
    newer = GOLDEN.read_bytes().replace(b'"schema":1', b'"schema":2', 1)
    with pytest.raises(CannotGoOn, match=r"^verdict\.json has schema 2, and this heapswap knows verdict up to 1; "):
        read(newer)


def test_every_answer_has_an_exit_status_of_its_own() -> None:
    """And none that misuse, a failure or Ctrl-C has."""
    assert EXIT_CODES == {Decision.KEEP: 0, Decision.ADOPT: 10, Decision.INCONCLUSIVE: 11, Decision.UNSAFE: 12}
    assert set(EXIT_CODES) == set(Decision)
    assert not set(EXIT_CODES.values()) & {1, 2, 3, INTERRUPTED}


@pytest.mark.parametrize(
    ("given", "least", "budget"),
    [(90.0, 450.0, 90.0), (None, None, None), (None, 450.0, 450.0), (None, 10.0, 24 * 1.05)],
)
def test_a_budget_that_nobody_gave_holds_the_fewest_runs(
    given: float | None, least: float | None, budget: float | None
) -> None:
    first = run(Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current"))  # a second, and its start
    assert budget_of(given, least, first) == pytest.approx(budget)
