from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.trials.force import LIBC, Witnessed, judge, objection, read_journal, seen_through
from heapswap.trials.model import Force, ProcessSeen

MIMALLOC = "/opt/lib/libmimalloc.so"
GLIBC = "/lib/x86_64-linux-gnu/libc.so.6"


def process(pid: int, parent: int = 1, program: str = "/usr/bin/python3", cpu: float = 0.0) -> ProcessSeen:
    return ProcessSeen(pid=pid, parent=parent, program=program, force=Force.NOT_SEEN, cpu=cpu)


def start(pid: int, owner: str = MIMALLOC, program: str = "/usr/bin/python3") -> Witnessed:
    return Witnessed(pid=pid, parent=1, owner=owner, program=program)


paths = st.binary(max_size=40).filter(lambda path: b"\0" not in path)
records = st.tuples(st.integers(1, 1 << 22), st.integers(0, 1 << 22), paths, paths)


def written(pid: int, parent: int, owner: bytes, program: bytes) -> bytes:
    return b"1\0%d\0%d\0%s\0%s\0\n" % (pid, parent, owner, program)


@given(st.lists(records, max_size=20))
def test_a_journal_reads_back_whole(entries: list[tuple[int, int, bytes, bytes]]) -> None:
    read = read_journal(b"".join(written(*entry) for entry in entries))
    assert [(start.pid, start.parent) for start in read] == [entry[:2] for entry in entries]
    assert [start.owner for start in read] == [entry[2].decode(errors="replace") for entry in entries]
    assert [start.program for start in read] == [entry[3].decode(errors="replace") for entry in entries]


def test_a_record_that_was_cut_short_is_not_a_record() -> None:
    whole = written(7, 1, GLIBC.encode(), b"/bin/true")
    assert len(read_journal(whole + whole[:-3])) == 1
    assert read_journal(b"") == ()


def test_each_process_is_judged_by_its_own_last_start() -> None:
    journal = [start(7, GLIBC, "/usr/bin/env"), start(7), start(8, GLIBC)]
    seen = judge([process(7), process(8), process(9, program="/opt/static")], journal, MIMALLOC, "/")
    assert [one.force for one in seen] == [Force.IN_FORCE, Force.NOT_IN_FORCE, Force.NOT_SEEN]
    assert [one.allocator for one in seen] == [MIMALLOC, GLIBC, ""]


def test_a_fork_is_served_by_what_serves_its_parent_and_another_program_is_not() -> None:
    tree = [process(7), process(8, 7), process(9, 8), process(10, 7, "/opt/static")]
    forces = [one.force for one in judge(tree, [start(7)], MIMALLOC, "/")]
    assert forces == [Force.IN_FORCE, Force.IN_FORCE, Force.IN_FORCE, Force.NOT_SEEN]


def test_a_loop_of_parents_ends() -> None:
    assert judge([process(7, 8), process(8, 7)], [], MIMALLOC, "/")[0].force is Force.NOT_SEEN


@pytest.mark.parametrize(
    ("owner", "force"),
    [
        (GLIBC, Force.IN_FORCE),
        ("/lib/libc-2.31.so", Force.IN_FORCE),
        ("/lib/ld-musl-x86_64.so.1", Force.IN_FORCE),
        (MIMALLOC, Force.NOT_IN_FORCE),
        ("/usr/bin/rustc", Force.NOT_IN_FORCE),
        ("/opt/libc.so.6.d/libjemalloc.so", Force.NOT_IN_FORCE),
        ("", Force.NOT_SEEN),
    ],
)
def test_the_c_library_is_known_by_its_name(owner: str, force: Force) -> None:
    assert judge([process(7)], [start(7, owner)], LIBC, "/")[0].force is force


def test_links_and_relative_paths_lead_to_the_same_library(tmp_path: Path) -> None:
    library = tmp_path / "libreal.so"
    library.touch()
    (tmp_path / "liblink.so").symlink_to(library)
    journal = [start(7, "liblink.so")]
    assert judge([process(7)], journal, str(library), str(tmp_path))[0].force is Force.IN_FORCE


def test_where_nothing_is_expected_whatever_answers_is_in_force() -> None:
    seen = judge([process(7)], [start(7)], None, "/")
    assert seen[0].force is Force.IN_FORCE
    assert objection(judge([process(7)], [], None, "/"), 7, None) is None


def test_a_program_that_was_gone_too_soon_is_named_by_the_witness() -> None:
    assert (
        judge([process(7, program="true")], [start(7, GLIBC, "/usr/bin/true")], LIBC, "/")[0].program == "/usr/bin/true"
    )


def test_the_root_and_the_busiest_process_must_be_served_and_others_need_not() -> None:
    journal = [start(7), start(8, GLIBC), start(9)]
    fine = [process(7, cpu=1.0), process(8, cpu=0.5), process(9)]
    assert objection(judge(fine, journal, MIMALLOC, "/"), 7, MIMALLOC) is None
    busiest = [process(7, cpu=1.0), process(8, cpu=1.5)]
    finding = objection(judge(busiest, journal, MIMALLOC, "/"), 7, MIMALLOC)
    assert finding is not None
    assert GLIBC in finding.seen
    root = objection(judge(fine, journal, MIMALLOC, "/"), 8, MIMALLOC)
    assert root is not None


@pytest.mark.parametrize("expected", [LIBC, MIMALLOC])
def test_a_root_that_told_nothing_is_never_compared(expected: str) -> None:
    finding = objection(judge([process(7, program="/opt/static")], [], expected, "/"), 7, expected)
    assert finding is not None
    assert "did not tell" in finding.seen


def test_a_root_that_was_not_seen_at_all_is_never_compared() -> None:
    assert objection([], 7, LIBC) is not None
    assert objection(judge([process(8)], [start(8)], MIMALLOC, "/"), 7, MIMALLOC) is not None


def test_a_process_that_executed_on_without_the_witness_is_not_served_by_what_served_before() -> None:
    journal = [start(7, program="/usr/bin/env")]
    tree = [process(7, program="/usr/bin/sleep"), process(8, 7, "/usr/bin/sleep"), process(9, program="env")]
    assert [one.force for one in judge(tree, journal, MIMALLOC, "/")] == [Force.NOT_SEEN] * 3
    assert judge([process(7, program="/usr/bin/env")], journal, MIMALLOC, "/")[0].force is Force.IN_FORCE
    assert judge([process(7, program="env")], journal, MIMALLOC, "/")[0].force is Force.IN_FORCE


BUILD = "/results/builds/mimalloc/app"


def test_a_program_that_is_the_expected_one_is_served_from_inside_whatever_answers_malloc() -> None:
    (seen,) = judge([process(7, program=BUILD)], [start(7, GLIBC, BUILD)], BUILD, "/")
    assert (seen.force, seen.allocator) == (Force.IN_FORCE, BUILD)
    assert objection([seen], 7, BUILD) is None


def test_what_a_build_starts_may_be_served_by_anything() -> None:
    journal = [start(7, GLIBC, BUILD), start(8, GLIBC, "/bin/sort")]
    seen = judge([process(7, program=BUILD), process(8, 7, "/bin/sort", cpu=9.0)], journal, BUILD, "/")
    assert objection(seen, 7, BUILD) is None


def test_another_program_than_the_build_is_objected_to() -> None:
    seen = judge([process(7, program="/bin/sh")], [start(7, GLIBC, "/bin/sh")], BUILD, "/")
    found = objection(seen, 7, BUILD)
    assert found is not None
    assert found.seen == f"/bin/sh was served by {GLIBC}, not by {BUILD}"


def test_behind_what_counts_stands_whose_malloc_it_passes_calls_on_to() -> None:
    journal = tuple(
        Witnessed(pid=pid, parent=1, owner=owner, program="/usr/bin/serve")
        for pid, owner in ((7, "/opt/probe.so"), (8, "/opt/probe.so"), (9, "/lib/libc.so.6"))
    )
    seen = seen_through(journal, "/opt/probe.so", {7: "/opt/mimalloc.so", 9: "/opt/mimalloc.so"})
    assert [one.owner for one in seen] == ["/opt/mimalloc.so", "/opt/probe.so", "/lib/libc.so.6"]
