"""Which calls are timed."""

import subprocess
from pathlib import Path

import numpy as np

from heapswap.profiling import wire
from heapswap.profiling.estimate import probability
from tests.native.support import compiled, preloading

HERE = Path(__file__).parent


def test_every_rare_large_call_is_timed(tmp_path: Path) -> None:
    program = compiled(HERE / "large.c", tmp_path)
    subprocess.run([program], env=preloading("probe", HEAPSWAP_PROBE=str(tmp_path)), check=True, timeout=60)
    (raw,) = wire.read_all(tmp_path)
    large = raw.samples[raw.samples["size"] >= 70_000]
    # Twenty mallocs and as many frees, none of them by chance.
    assert len(large) == 40
    assert np.all(probability(large) == 1.0)
    small = raw.samples[raw.samples["size"] < 1024]
    assert len(small) < 100_000, "most of the million are not"
    estimated = float((1 / probability(small)).sum())
    assert 0.8e6 < estimated < 1.25e6


def test_a_small_free_that_makes_the_allocator_tidy_up_is_timed(tmp_path: Path) -> None:
    program = compiled(HERE / "merging.c", tmp_path)
    for once in ("before", "behind"):
        folder = tmp_path / once
        folder.mkdir()
        environ = preloading("probe", HEAPSWAP_PROBE=str(folder))
        subprocess.run([program, once], env=environ, check=True, timeout=60)
        (raw,) = wire.read_all(folder)
        frees = raw.samples[(raw.samples["function"] == wire.Function.FREE) & (raw.samples["size"] < 1024)]
        tidied = frees[np.argmax(frees["ticks"])]
        assert 300 <= tidied["size"] < 400
        assert probability(frees[frees["size"] == tidied["size"]]).max() == 1.0
        assert tidied["scale"] & wire.LARGE, "drawn by itself, whatever its turn"
