"""How long blocks live and who frees them, beside programs that were built to be known."""

import os
import subprocess
from pathlib import Path

import pytest

from heapswap.profiling import wire
from heapswap.profiling.contention import contention
from heapswap.profiling.estimate import rate
from heapswap.profiling.lifetimes import lifetimes, weights
from heapswap.profiling.model import Lifetimes
from tests.native.support import compiled, library

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(HERE / "lives.c", tmp_path_factory.mktemp("lives"))


def observed(program: Path, folder: Path, *words: str, behind: str = "") -> list[wire.Raw]:
    preload = ":".join([str(library("probe")), *([str(library(behind))] if behind else [])])
    environment = {**os.environ, "LD_PRELOAD": preload, "HEAPSWAP_PROBE": str(folder)}
    subprocess.run([program, *words], env=environment, check=True, timeout=120)
    return list(wire.read_all(folder))


def by_class(file: wire.Raw) -> dict[int | None, Lifetimes]:
    ticks = rate(file.header)
    assert ticks
    return {row.up_to: row for row in lifetimes(file, ticks)}


@pytest.mark.parametrize("behind", ["", "mimalloc", "jemalloc", "snmalloc"])
def test_how_long_each_size_lives(behind: str, program: Path, tmp_path: Path) -> None:
    (file,) = observed(program, tmp_path, "mix", behind=behind)
    rows = by_class(file)
    assert rows[48].median_allocations == 0
    assert [step.below for step in rows[48].allocations] == [1]
    # Freed in the round before its place is filled anew: by then 64 rounds of three allocations, less the one it was.
    assert rows[128].median_allocations == pytest.approx(3 * 64, abs=3)
    assert rows[3072].median_allocations == pytest.approx(3 * 1024, abs=3)
    short, some, many = (rows[limit].median_seconds or 0 for limit in (48, 128, 3072))
    assert short * 4 < some
    assert some * 4 < many
    assert rows[None].followed >= rows[48].followed + rows[128].followed + rows[3072].followed


@pytest.mark.parametrize("way", ["mix", "kept"])
def test_the_followed_blocks_stand_for_all(way: str, program: Path, tmp_path: Path) -> None:
    (file,) = observed(program, tmp_path, way)
    calls = dict(zip(wire.upper_limits(), file.tallies("classes")[:, 0].tolist(), strict=True))
    for limit in [48, 128, 3072] if way == "mix" else [256]:
        below = limit * 2 // 3
        stood_for = sum(
            float(weights(blocks)[(blocks["size"] > below) & (blocks["size"] <= limit)].sum())
            for blocks in (file.lives, file.beyond.unfreed)
        )
        assert calls[limit] / 2 < stood_for < calls[limit] * 2


def test_what_is_never_freed_is_told(program: Path, tmp_path: Path) -> None:
    (file,) = observed(program, tmp_path, "kept")
    row = by_class(file)[256]
    assert file.beyond.unfreed["level"].max() > 0, "more blocks are kept than can be followed at once"
    assert 0.25 < row.unfreed.value < 0.75
    assert row.unfreed.low < 0.5 < row.unfreed.high or abs(row.unfreed.value - 0.5) < 0.15
    assert sum(step.share for step in row.times) + row.unfreed.value == pytest.approx(1)
    assert [step.below for step in row.allocations] == [1]


def test_a_realloc_that_moves_ends_one_life_and_begins_another(program: Path, tmp_path: Path) -> None:
    (file,) = observed(program, tmp_path, "resized")
    rows = by_class(file)
    assert [step.below for step in rows[2048].allocations] == [1]
    # The block that is moved lives for two allocations, the realloc's own included, and so does the one behind it.
    assert {step.below for step in rows[96].allocations} == {4}
    assert rows[2048].unfreed.value == rows[96].unfreed.value == 0


@pytest.mark.parametrize("percent", [0, 50, 100])
def test_who_frees(percent: int, program: Path, tmp_path: Path) -> None:
    (file,) = observed(program, tmp_path, "pairs", str(percent))
    share = by_class(file)[384].elsewhere
    assert share
    if percent == 50:
        assert 0.3 < share.value < 0.7
    else:
        assert share.value == percent / 100
    assert share.low <= share.value <= share.high
    assert share.high - share.low < 0.3


def test_a_child_follows_its_own_blocks_only(program: Path, tmp_path: Path) -> None:
    parent, child = observed(program, tmp_path, "fork")
    assert (parent.lives["size"] == 500).sum() == 0
    assert (parent.beyond.unfreed["size"] == 500).sum() > 100
    assert (child.lives["size"] == 500).sum() + (child.beyond.unfreed["size"] == 500).sum() == 0
    assert by_class(child)[128].median_allocations == pytest.approx(3 * 64, abs=3)


def test_how_many_threads_were_at_it(program: Path, tmp_path: Path) -> None:
    (file,) = observed(program, tmp_path, "crowd")
    ticks = rate(file.header)
    assert ticks
    alone, *together = contention(file, ticks)
    assert (alone.threads, alone.up_to) == (1, 1)
    assert together
    assert {row.threads for row in together} <= {2, 3, 5}
    assert all(row.cpu > 0 for row in (alone, *together))
    assert alone.wait_share.value == 0
