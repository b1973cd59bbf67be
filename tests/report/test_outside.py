"""The page of a process seen from outside."""

from dataclasses import replace

import pytest

from heapswap.findings import Finding, Level
from heapswap.profiling.model import Profile, Resident, Share, Source
from heapswap.profiling.shares import wilson
from heapswap.report.outside import outside_text
from tests.report.golden_files import matches_golden
from tests.report.test_profile import PROFILE


def seen(share: Share | None, growth: int) -> Profile:
    resident = tuple(
        Resident(at=at / 2, heap=(40 << 20) + at * growth, anonymous=30 << 20, stacks=1 << 20, files=9 << 20, shared=0)
        for at in range(60)
    )
    process = replace(
        PROFILE.processes[0],
        arguments=("/srv/service", "--port", "80", "\x1b[2J"),
        exe="/srv/service",
        allocator="/usr/lib/x86_64-linux-gnu/libc.so.6",
        threads=8,
        samples=14210,
        allocator_cpu_share=share,
        kernel_share=wilson(0.021, 500),
        lock_wait_share=wilson(0.35, 900),
        resident=resident,
    )
    finding = Finding(code="not-counted", level=Level.NOTE, seen="not counted", remedy="start it under the probe")
    return replace(PROFILE, processes=(process,), findings=(finding,), source=Source.OUTSIDE, wall=30.0)


NEW = seen(wilson(0.143, 800), 300 << 10)


@pytest.mark.parametrize("width", [80, 120])
def test_the_page(width: int) -> None:
    page = outside_text(NEW, saved="canary.json", width=width)
    assert max(map(len, page.splitlines())) <= width
    assert "\x1b" not in page
    matches_golden(f"outside-{width}.txt", page)
