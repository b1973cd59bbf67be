"""What is said of a recording."""

from pathlib import Path

import pytest

from heapswap.report.recording import line, summary
from heapswap.traces.record import Limits, Reason, State

STATE = State(
    seconds=75.0,
    events=2_758_683,
    bytes=7_376_161,
    processes=76,
    threads=415,
    ring_memory=4_718_592,
    reason=Reason.ENDED,
)


def test_the_line_fits_a_terminal() -> None:
    assert line(STATE) == "recording 1 min 15 s: 2,758,683 events, 7.0 MiB; 4.5 MiB in memory"
    large = State(seconds=36_000.0, events=10**11, bytes=4 * 10**11, ring_memory=64 << 20)
    assert len(line(large)) < 80


def test_the_summary_of_a_whole_run() -> None:
    assert summary(STATE, Path("x.heap"), size=90_000, packed=True, limits=Limits()) == (
        "recorded 2,758,683 events of 415 threads in 76 processes into x.heap",
        "2.7 bytes an event as recorded, 87.9 KiB as it is now; at most 4.5 MiB of memory in between",
        "it ended with the program",
    )


@pytest.mark.parametrize("reason", Reason)
def test_every_end_says_why(reason: Reason) -> None:
    said = summary(State(reason=reason), Path("x.heap"), size=100, packed=True, limits=Limits())
    assert len(said) == 3
    assert said[0] == "recorded 0 events of 0 threads in 0 processes into x.heap"


def test_what_is_not_in_it_is_said() -> None:
    state = State(reason=Reason.ENDED, processes_refused=2, threads_refused=1)
    assert summary(state, Path("x.heap"), size=100, packed=False, limits=Limits())[3:] == (
        "2 processes could not be recorded: no file could be made in memory",
        "1 thread could not be recorded: there were too many at once",
        "the trace could not be compressed for want of room; it can be used as it is",
    )
