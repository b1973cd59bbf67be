"""The page of a profile."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from heapswap.profiling.store import load
from heapswap.report.profile import profile_text
from tests.report.golden_files import matches_golden

GOLDEN = Path(__file__).parents[1] / "profiling" / "golden"
PROFILE = load(GOLDEN / "profile-1.json")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["profile", "profile-lifetimes", "profile-splits"])
def test_the_page(name: str, width: int) -> None:
    profile = load(GOLDEN / f"{name.replace('profile', 'profile-1')}.json")
    page = profile_text(profile, saved="/r/profile.json", output="/r", width=width)
    assert max(map(len, page.splitlines())) <= width
    matches_golden(f"{name}-{width}.txt", page)


@pytest.mark.parametrize("width", [80, 120])
def test_call_sites(width: int) -> None:
    whole = load(Path(__file__).parents[1] / "profiling" / "golden" / "profile-1-call-sites.json")
    page = profile_text(replace(whole, processes=whole.processes[:1]), saved="/r/f", output="/r", width=width)
    assert max(map(cell_len, page.splitlines())) <= width
    matches_golden(f"profile-call-sites-{width}.txt", page)


def test_many_processes_are_added_up() -> None:
    many = replace(PROFILE, processes=PROFILE.processes[:1] * 9)
    page = profile_text(many, saved="/r/profile.json", output="/r", width=80)
    assert "5 more processes:" in page


def test_nothing_counted_is_a_page_too() -> None:
    assert "0 processes" in profile_text(replace(PROFILE, processes=()), saved="f", output="r", width=80)
