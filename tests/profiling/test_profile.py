"""From files to processes."""

import pytest

from heapswap.profiling.model import Calls, Moment, Share, SizeClass
from heapswap.profiling.profile import Course, functions, peak, processes, size_classes
from heapswap.profiling.wire import Flag, Function
from tests.profiling.files import Sample, Slot, raw

LIVE = int(Flag.LIVE_COUNTED)


def test_malloc_is_what_the_others_leave() -> None:
    file = raw(
        Slot(
            functions={Function.CALLOC: (3, 300), Function.REALLOC: (2, 50), Function.FREE_SIZED: (7, 0)},
            classes={4: (10, 320), 8: (5, 640)},
        )
    )
    assert functions(file) == (
        Calls(function="malloc", calls=10, bytes=610),
        Calls(function="calloc", calls=3, bytes=300),
        Calls(function="realloc", calls=2, bytes=50),
        Calls(function="free_sized", calls=7, bytes=0),
    )
    assert size_classes(file) == (SizeClass(up_to=32, calls=10, bytes=320), SizeClass(up_to=128, calls=5, bytes=640))


def test_the_peak_of_one_thread_is_exact() -> None:
    assert peak(raw(Slot(numbers={"live": 100, "high": 900, "published": 50}), live=50, peak=700)) == 900
    assert peak(raw(Slot(numbers={"live": 100, "high": 900, "published": 50}), live=50, peak=5000)) == 5000
    assert peak(raw(peak=300, live=300)) == 300, "a child that allocated nothing holds what it inherited"


def test_one_thread_has_no_bound_and_several_have_one() -> None:
    (one,) = processes([raw(Slot(), flags=LIVE)], {}, {})
    (two,) = processes([raw(Slot(), Slot(), flags=LIVE)], {}, {})
    assert (one.peak_bound, two.peak_bound) == (0, 2 * 65536)


def test_live_bytes_are_told_only_where_they_were_counted() -> None:
    slot = Slot(numbers={"live": 40})
    (counted,) = processes([raw(slot, flags=LIVE, inherited=2)], {}, {})
    (not_counted,) = processes([raw(slot)], {}, {})
    assert (counted.live_bytes, counted.inherited_bytes) == (42, 2)
    assert (not_counted.live_bytes, not_counted.peak_live_bytes) == (None, None)


@pytest.mark.parametrize(
    ("flags", "cpu"),
    [(Flag.ENDED, 2.0), (Flag(0), 4.5)],
    ids=["its own account where it ended by itself", "seen from outside where it was killed"],
)
def test_the_cpu_of_a_process(flags: Flag, cpu: float) -> None:
    file = raw(process=7, begun_cpu=500_000_000, noted_cpu=2_500_000_000, flags=int(flags))
    (process,) = processes([file], {7: 5.0}, {})
    assert process.cpu == pytest.approx(cpu)


def test_what_came_before_an_exec_is_not_charged_with_what_came_after() -> None:
    before = raw(name="a", process=7, begun=0, noted_cpu=1_000_000)
    after = raw(name="b", process=7, begun=5, begun_cpu=1_000_000, noted_cpu=2_000_000)
    first, second = processes([before, after], {7: 3.0}, {})
    assert [first.cpu, second.cpu] == pytest.approx([0.001, 2.999])


def test_the_share_of_the_allocator_and_the_cost_of_the_probe() -> None:
    file = raw(
        Slot(classes={3: (6400, 0)}),
        samples=[Sample(size=1 << 40, ticks=1_000_000, cpu=10**9)] * 50,
        noted=1_000_000_000,
        noted_ticks=1_000_000_000,
        noted_cpu=101_000_000,
        cost_additions=6_400,
        sampling=360_000,
        flags=int(Flag.ENDED),
    )
    (process,) = processes([file], {}, {})
    assert process.probe_cpu == pytest.approx(0.001)
    assert process.cpu == pytest.approx(0.1)
    share = process.allocator_cpu_share
    assert share is not None
    assert [share.value, share.low, share.high] == pytest.approx([0.5, 0.5, 0.5])
    assert process.lock_wait_share == Share(value=0.0, low=0.0, high=0.0)


def test_a_timeline_belongs_to_its_file() -> None:
    moment = Moment(at=2.0, live=10, resident=400, anonymous=100)
    (process,) = processes([raw(name="x")], {}, {"x": Course(timeline=(moment,)), "y": Course()})
    assert (process.timeline, process.retained_bytes, process.seconds) == ((moment,), 90, 2.0)
