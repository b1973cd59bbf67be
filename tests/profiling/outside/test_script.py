"""perf's text."""

from heapswap.profiling.outside.script import CLOCK, SWITCHES, Frame, Sample, Switch, events

LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"
TEXT = f"""\
 1599/1603  12709.481462112:    2004008        cpu-clock:
    ffffffff821fb643 clear_page_erms ([kernel.kallsyms])
               9697c _int_free ({LIBC})
               98f5e cfree@GLIBC_2.2.5+0x1e ({LIBC})
                1413 std::map<int, (anonymous)>::at(int const&) (/a folder/costs (deleted))
    ffffffffffffffff [unknown] ([unknown])

 1599/1600  12709.485504000:          7 context-switches:u:
               860d6 __lll_lock_wait_private ({LIBC})

 1599/1600  12709.485510000: PERF_RECORD_SWITCH OUT
 1599/1600  12709.485521000: PERF_RECORD_SWITCH_CPU_WIDE IN          prev pid/tid: 0/0
a line that is something else
 1599/1600  12709.485600000: PERF_RECORD_SWITCH OUT preempt
"""


def test_every_kind_of_event() -> None:
    clock, switches, left, came, preempted = events(TEXT.splitlines())
    assert clock == Sample(
        process=1599,
        thread=1603,
        time=12709.481462112,
        event=CLOCK,
        period=2004008,
        in_kernel=True,
        frames=(
            Frame(symbol="_int_free", object=LIBC),
            Frame(symbol="cfree@GLIBC_2.2.5", object=LIBC),
            Frame(symbol="std::map<int, (anonymous)>::at(int const&)", object="/a folder/costs (deleted)"),
        ),
    )
    assert isinstance(switches, Sample)
    assert (switches.event, switches.period, switches.in_kernel) == (SWITCHES, 7, False)
    assert [(one.left, one.preempted) for one in (left, came, preempted) if isinstance(one, Switch)] == [
        (True, False),
        (False, False),
        (True, True),
    ]


def test_the_end_of_a_stack_is_not_the_kernel() -> None:
    user = TEXT.replace("    ffffffff821fb643 clear_page_erms ([kernel.kallsyms])\n", "")
    first = next(iter(events(user.splitlines())))
    assert isinstance(first, Sample)
    assert not first.in_kernel


def test_nothing() -> None:
    assert list(events([])) == []
