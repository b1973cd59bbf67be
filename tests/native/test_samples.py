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
