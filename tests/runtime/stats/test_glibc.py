"""What glibc's XML says, and that it says the same as `mallinfo2`."""

import heapswap
from heapswap.runtime.stats.answering import answering
from heapswap.runtime.stats.glibc import parsed, read
from heapswap.runtime.stats.model import Arena, Detail

XML = """<malloc version="1">
<heap nr="0">
<sizes>
  <size from="33" to="48" total="96" count="2"/>
  <unsorted from="81" to="81" total="81" count="1"/>
</sizes>
<total type="fast" count="2" size="96"/>
<total type="rest" count="3" size="904"/>
<system type="current" size="135168"/>
<system type="max" size="200704"/>
<aspace type="total" size="135168"/>
<aspace type="mprotect" size="135168"/>
</heap>
<heap nr="3">
<sizes>
</sizes>
<total type="fast" count="0" size="0"/>
<total type="rest" count="1" size="5000"/>
<system type="current" size="8192"/>
<system type="max" size="8192"/>
<aspace type="total" size="8192"/>
<aspace type="mprotect" size="8192"/>
<aspace type="subheaps" size="1"/>
</heap>
<total type="fast" count="2" size="96"/>
<total type="rest" count="4" size="5904"/>
<total type="mmap" count="1" size="1052672"/>
<system type="current" size="143360"/>
<system type="max" size="208896"/>
<aspace type="total" size="143360"/>
<aspace type="mprotect" size="143360"/>
</malloc>
"""


def test_every_arena_is_read() -> None:
    heap = parsed(XML)
    assert heap.arenas == (
        Arena(index=0, allocated=134168, free=1000, mapped=135168),
        Arena(index=3, allocated=3192, free=5000, mapped=8192),
    )


def test_blocks_that_are_mapped_apart_are_allocated_and_in_no_arena() -> None:
    heap = parsed(XML)
    assert heap.allocated == 134168 + 3192 + 1052672
    assert heap.mapped == 135168 + 8192 + 1052672
    assert heap.free == 6000


def test_both_sources_agree() -> None:
    if heapswap.stats().allocator != "glibc":
        raise AssertionError("run the tests without a preloaded allocator")
    totals, full = (read(answering(), detail) for detail in (Detail.TOTALS, Detail.FULL))
    assert totals.allocated is not None
    assert full.allocated is not None
    assert abs(totals.allocated - full.allocated) < 1 << 20
    assert totals.arenas is None
    assert full.arenas
