import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.trials import record
from heapswap.trials.model import Outcome, Sample
from heapswap.trials.rest import Rest

LINE = (
    b'{"event":"ended","exit":0,"signal":null,"timed_out":false,"killed":false,"started":1795457897.5,"wall":1.25,'
    b'"user":0.75,"system":0.25,"faults":64,"major_faults":1,"voluntary":3,"involuntary":2,"largest":1056768,'
    b'"peak":{"value":1056768,"low":1056768,"high":1056768},"mean":null,"steal":null,"pressure":0.5,'
    b'"timeline":[{"at":0.5,"resident":1000000,"cpu":0.25,"processes":1}],"marks":[],'
    b'"processes":[{"pid":7,"parent":1,"exe":"/opt/caf\xc3\x83\xc2\xa9","cpu":0.5,"peak":1056768}],"left_behind":[],'
    b'"overhead":0.0004}'
)


def ended(**changes: object) -> record.Ended:
    return msgspec.structs.replace(msgspec.json.decode(LINE, type=record.Ended), **changes)


def values(run: record.Ended, rest: Rest | None = None) -> dict[str, float]:
    return {row.metric: row.value for row in record.measurements(run, rest)}


def test_a_record_becomes_rows() -> None:
    assert values(ended()) == {
        "wall": 1.25,
        "cpu": 1.0,
        "user": 0.75,
        "system": 0.25,
        "peak": 1056768.0,
        "faults": 64.0,
        "major_faults": 1.0,
        "voluntary_switches": 3.0,
        "involuntary_switches": 2.0,
    }
    rest = Rest(resident=5000, began=1.0, ended=3.0)
    more = values(ended(mean=2000.5), rest)
    assert (more["mean"], more["idle"], more["rest"]) == (2000.5, 5000.0, 2.0)


def test_bounds_are_told_where_they_differ() -> None:
    peak = record.Peak(value=200, low=150, high=300)
    row = next(row for row in record.measurements(ended(peak=peak), None) if row.metric == "peak")
    assert (row.value, row.low, row.high) == (200.0, 150.0, 300.0)
    row = next(row for row in record.measurements(ended(), None) if row.metric == "peak")
    assert (row.low, row.high) == (None, None)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.COMPLETED),
        ({"exit": 3}, Outcome.COMPLETED),
        ({"exit": 1}, Outcome.FAILED),
        ({"exit": None, "signal": 11}, Outcome.CRASHED),
        ({"exit": None, "signal": 9, "timed_out": True}, Outcome.TIMED_OUT),
        ({"exit": 0, "timed_out": True}, Outcome.TIMED_OUT),
    ],
)
def test_outcomes(changes: dict[str, object], outcome: Outcome) -> None:
    assert record.outcome(ended(**changes), (0, 3)) is outcome


def test_paths_are_bytes_on_the_wire_and_text_in_a_run() -> None:
    assert record.processes(ended())[0].program == "/opt/café"
    assert record.wire("café \udcff") == "caf\u00c3\u00a9 \u00ff"


@given(st.integers(0, 1500))
def test_a_thinned_timeline_keeps_its_ends_and_its_order(count: int) -> None:
    timeline = [Sample(at=float(at), resident=at, cpu=0.0, processes=1) for at in range(count)]
    kept = record.thinned(timeline)
    assert len(kept) == min(count, record.KEPT_SAMPLES)
    assert list(kept) == sorted(set(kept), key=lambda sample: sample.at)
    if timeline:
        assert (kept[0], kept[-1]) == (timeline[0], timeline[-1])


def test_what_was_left_behind_is_a_finding() -> None:
    assert record.left_behind(ended()) is None
    seen = record.Seen(pid=9, parent=1, exe="/usr/bin/sleep", cpu=0.0, peak=1)
    finding = record.left_behind(ended(left_behind=(seen, seen)))
    assert finding is not None
    assert finding.seen == "2 process(es) outlived the program and were ended: /usr/bin/sleep"
