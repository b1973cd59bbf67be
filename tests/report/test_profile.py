"""The page of a profile."""

from dataclasses import replace
from pathlib import Path

import pytest

from heapswap.profiling.store import load
from heapswap.report.profile import profile_text
from tests.report.golden_files import matches_golden

PROFILE = load(Path(__file__).parents[1] / "profiling" / "golden" / "profile-1.json")


@pytest.mark.parametrize("width", [80, 120])
def test_the_page(width: int) -> None:
    page = profile_text(PROFILE, saved="/r/profile.json", output="/r", width=width)
    assert max(map(len, page.splitlines())) <= width
    matches_golden(f"profile-{width}.txt", page)


def test_many_processes_are_added_up() -> None:
    many = replace(PROFILE, processes=PROFILE.processes[:1] * 9)
    page = profile_text(many, saved="/r/profile.json", output="/r", width=80)
    assert "5 more processes:" in page


def test_nothing_counted_is_a_page_too() -> None:
    assert "0 processes" in profile_text(replace(PROFILE, processes=()), saved="f", output="r", width=80)
