"""The page and the saved form of `heapswap check`."""

import pytest

from heapswap import artifact
from heapswap.findings import Finding, Level
from heapswap.inspection.drift import Check, Observed, Outcome, State, judge, outcome
from heapswap.report.check import check_text
from tests.report.golden_files import matches_golden

LIBRARY = "/opt/app/lib/python3.11/site-packages/heapswap/_native/mimalloc.abi3.so"
GLIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"
ASKED = "/opt/app/pyproject.toml, feature mimalloc from default-features"
KNOB = Finding(
    code="knob-drift",
    level=Level.ERROR,
    seen="python3.11 (PID 21) was started with other knobs: MIMALLOC_PURGE_DELAY is not set, and 0 is declared",
    remedy="set it where the process is started; setting it later has no effect",
)


def example() -> Check:
    """A container: a static init, a server with two workers, one of which lost a knob, and a helper behind sudo."""
    python, sudo = "/usr/bin/python3.11", "/usr/bin/sudo"
    observed = [
        Observed(pid=1, parent=0, program="/sbin/tini", owner="", served=False, unreachable="is statically linked"),
        Observed(pid=7, parent=1, program="/usr/bin/dash", owner=GLIBC, served=False),
        Observed(pid=8, parent=7, program=python, owner=LIBRARY, served=True),
        Observed(pid=20, parent=8, program=python, owner=LIBRARY, served=True),
        Observed(pid=21, parent=8, program=python, owner=LIBRARY, served=True, findings=(KNOB,)),
        Observed(pid=30, parent=8, program=sudo, owner=LIBRARY, served=True),
        Observed(pid=31, parent=30, program="/usr/bin/backup", owner=GLIBC, served=False),
    ]
    judged = judge("mimalloc:purge_delay=0", observed)
    return Check(
        outcome=outcome(judged),
        declared="mimalloc:purge_delay=0",
        asked=ASKED,
        library=LIBRARY,
        version="3.3.2",
        build_id="0123456789abcdef",
        processes=judged,
    )


@pytest.mark.parametrize("width", [80, 120])
def test_a_drift_as_a_page(width: int) -> None:
    text = check_text(example(), width=width)
    assert max(map(len, text.splitlines())) <= width
    matches_golden(f"check-drift-{width}.txt", text)


def test_the_saved_form() -> None:
    matches_golden("check-1.json", artifact.encode(artifact.readable(example())).decode() + "\n")


@pytest.mark.parametrize(
    ("check", "line"),
    [
        (
            Check(outcome=Outcome.DISABLED, declared="", asked="HEAPSWAP_DISABLE"),
            "Turned off: HEAPSWAP_DISABLE is set.",
        ),
        (
            Check(outcome=Outcome.NOTHING_DECLARED, declared="", asked="/a.toml"),
            "Nothing is declared for this platform (/a.toml).",
        ),
        (Check(outcome=Outcome.IN_FORCE, declared="jemalloc", asked=""), "jemalloc can be put in force here."),
        (Check(outcome=Outcome.DRIFT, declared="jemalloc", asked=""), "Drift: jemalloc cannot be put in force here."),
    ],
)
def test_answers_without_processes(check: Check, line: str) -> None:
    assert check_text(check, width=80).splitlines()[0] == line


def test_in_force_and_a_program_that_failed() -> None:
    served = Observed(pid=1, parent=0, program="/bin/app", owner=LIBRARY, served=True)
    judged = judge("mimalloc", [served])
    assert judged[0].state is State.IN_FORCE
    good = Check(outcome=Outcome.IN_FORCE, declared="mimalloc", asked="", processes=judged)
    assert check_text(good, width=80).startswith("In force: mimalloc serves one process.")
    failed = Check(outcome=Outcome.DRIFT, declared="mimalloc", asked="", processes=judged)
    assert check_text(failed, width=80).startswith("Not confirmed: mimalloc serves one process, but see below.")
