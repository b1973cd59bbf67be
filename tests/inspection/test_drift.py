"""What each process of a tree is to a declaration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.findings import Finding, Level
from heapswap.inspection.drift import Observed, Outcome, State, judge, outcome

LIBRARY = "/opt/lib/libmimalloc.so"
GLIBC = "/lib/x86_64-linux-gnu/libc.so.6"


def process(
    pid: int,
    parent: int = 0,
    program: str = "/usr/bin/python3",
    *,
    served: bool = True,
    owner: str | None = None,
    unreachable: str = "",
    findings: tuple[Finding, ...] = (),
) -> Observed:
    answering = LIBRARY if served else GLIBC
    return Observed(
        pid=pid,
        parent=parent,
        program=program,
        owner=answering if owner is None else owner,
        served=served,
        unreachable=unreachable,
        findings=findings,
    )


def finding(code: str, level: Level) -> Finding:
    return Finding(code=code, level=level, seen="seen", remedy="mend")


def states(*tree: Observed) -> list[State]:
    return [one.state for one in judge("mimalloc", tree)]


def codes(*tree: Observed) -> list[list[str]]:
    return [[found.code for found in one.findings] for one in judge("mimalloc", tree)]


def test_a_tree_that_is_served_is_in_force() -> None:
    tree = (process(1), process(2, 1), process(3, 2))
    assert states(*tree) == [State.IN_FORCE] * 3
    assert outcome(judge("mimalloc", tree)) is Outcome.IN_FORCE


@pytest.mark.parametrize(
    ("starter", "remedy"),
    [("/usr/bin/sudo", "sudo env"), ("/bin/su", "setpriv"), ("/usr/bin/supervisord", "environment=LD_PRELOAD")],
)
def test_who_stripped_the_preload_is_named_with_the_way_around(starter: str, remedy: str) -> None:
    tree = (process(1), process(2, 1, starter), process(3, 2, "/usr/bin/app", served=False))
    judged = judge("mimalloc", tree)
    assert [one.state for one in judged] == [State.IN_FORCE, State.IN_FORCE, State.DRIFT]
    (found,) = judged[2].findings
    assert found.code == "preload-stripped"
    assert f"{starter.rpartition('/')[2]} strips LD_PRELOAD" in found.seen
    assert remedy in found.remedy
    assert outcome(judged) is Outcome.DRIFT


def test_a_wrapper_that_started_it_is_before_it_and_no_drift() -> None:
    tree = (process(1, 0, "/bin/sh", served=False), process(2, 1), process(3, 2))
    assert states(*tree) == [State.BEFORE, State.IN_FORCE, State.IN_FORCE]
    assert outcome(judge("mimalloc", tree)) is Outcome.IN_FORCE


def test_a_static_init_is_out_of_reach_and_no_drift() -> None:
    tree = (process(1, 0, "/sbin/tini", served=False, unreachable="is statically linked"), process(2, 1))
    assert states(*tree) == [State.OUT_OF_REACH, State.IN_FORCE]
    assert codes(*tree) == [["out-of-reach"], []]
    assert outcome(judge("mimalloc", tree)) is Outcome.IN_FORCE


def test_in_force_nowhere_is_a_drift() -> None:
    static = process(1, served=False, unreachable="is statically linked")
    assert outcome(judge("mimalloc", [static])) is Outcome.DRIFT
    assert outcome(judge("mimalloc", [])) is Outcome.DRIFT
    assert codes(process(1, served=False), process(2, 1, served=False)) == [["not-in-force"], ["not-in-force"]]


def test_a_sibling_that_never_had_it_is_a_drift() -> None:
    tree = (process(1, 0, "/bin/init", served=False), process(2, 1), process(3, 1, served=False))
    assert states(*tree) == [State.BEFORE, State.IN_FORCE, State.DRIFT]
    assert codes(*tree)[2] == ["not-in-force"]


def test_another_allocator_below_is_not_called_stripped() -> None:
    tree = (process(1), process(2, 1, served=False, owner="/opt/libjemalloc.so"))
    assert codes(*tree)[1] == ["not-in-force"]


def test_what_was_seen_of_a_process_itself_explains_it() -> None:
    knob, wheel = finding("knob-drift", Level.ERROR), finding("wheel-allocator", Level.NOTE)
    assert states(process(1, findings=(knob,))) == [State.DRIFT]
    assert codes(process(1, findings=(knob,))) == [["knob-drift"]]
    noted = judge("mimalloc", [process(1, findings=(wheel,))])
    assert [one.state for one in noted] == [State.IN_FORCE]
    assert outcome(noted) is Outcome.IN_FORCE
    own = finding("own-malloc", Level.ERROR)
    assert codes(process(1), process(2, 1, served=False, findings=(own,)))[1] == ["own-malloc"]
    ignored = finding("preload-not-loaded", Level.WARNING)
    assert codes(process(1), process(2, 1, served=False, findings=(ignored,)))[1] == [
        "preload-not-loaded",
        "not-in-force",
    ]


@st.composite
def trees(draw: st.DrawFn) -> list[Observed]:
    """Trees of any shape, loops of parents included, as repeated process ids can make them."""
    size = draw(st.integers(0, 8))
    return [
        process(
            pid,
            draw(st.integers(0, 8)),
            draw(st.sampled_from(("/bin/sh", "/usr/bin/sudo", "/usr/bin/app"))),
            served=draw(st.booleans()),
            unreachable=draw(st.sampled_from(("", "", "is statically linked"))),
        )
        for pid in range(1, size + 1)
    ]


@given(trees())
def test_every_process_is_judged_and_every_drift_is_named(tree: list[Observed]) -> None:
    judged = judge("mimalloc", tree)
    assert [one.pid for one in judged] == [one.pid for one in tree]
    for seen, one in zip(tree, judged, strict=True):
        named = any(found.level is Level.ERROR for found in one.findings)
        assert named == (one.state is State.DRIFT)
        assert (one.state is State.IN_FORCE) == seen.served
    drifts = any(one.state is State.DRIFT for one in judged)
    somewhere = any(one.state is State.IN_FORCE for one in judged)
    assert (outcome(judged) is Outcome.IN_FORCE) == (somewhere and not drifts)
