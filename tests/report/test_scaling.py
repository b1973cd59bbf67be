"""Ramps and rests, as a person reads them."""

from heapswap.report.scaling import ramp_lines, rest_lines
from heapswap.scaling.ramps import ramps
from heapswap.scaling.rest import growths
from tests.scaling.services import trial
from tests.scaling.test_rest import FLAT, UP, resting

TABLE = """\
  clients  throughput               effect   p99              effect
        1     1,000/s     0.0 % (0.0..0.0)  2 ms    0.0 % (0.0..0.0)
        2     2,000/s     0.0 % (0.0..0.0)  2 ms    0.0 % (0.0..0.0)
        4     2,000/s  +100 % (+100..+100)  4 ms  -50.0 % (-50..-50)
        8     2,000/s  +100 % (+100..+100)  8 ms  -50.0 % (-50..-50)
  current, and the effect of jemalloc (99 % limits). Closed loop: a slower
  service is asked less, so latencies do not decide.
  current is saturated at 2 clients by the program: it keeps one core busy and
  no more: the service uses 1.0 of {cores} cores, its load 0.2.
  jemalloc is saturated at 4 clients by the program: it keeps one core busy and
  no more: the service uses 1.0 of {cores} cores, its load 0.2.
"""


def text(*, cores: int, candidate: str = "jemalloc", width: int = 80) -> str:
    """Of a service whose baseline stops at two clients, where jemalloc goes on to four."""
    seen = trial(lambda name, level: 1000.0 * min(level, 4 if name == "jemalloc" else 2), cores=cores, noise=0.0)
    return "".join(f"{line.plain}\n" for line in ramp_lines(ramps(seen), [candidate], width))


def test_a_step_is_a_line_and_a_ramp_a_sentence() -> None:
    assert text(cores=2) == (
        TABLE.format(cores=2)
        + """\
  Scaling is not measurable on this machine (2 cores; 4 steps with a core for
  each client are needed).
"""
    )


def test_where_scaling_is_measurable_its_law_is_told() -> None:
    assert text(cores=8) == (
        TABLE.format(cores=8)
        + """\
  current: contention 10 % (10 % to 10 %), coherence 4.8 % (4.8 % to 4.8 %),
  highest at 4 clients. jemalloc: contention 0 % (0 % to 0 %), coherence 1.8 %
  (1.8 % to 1.8 %), highest at 7 clients.
"""
    )


def test_a_wide_terminal_has_the_median_too_and_a_narrow_one_throughput_alone() -> None:
    assert "median" in text(cores=2, width=120)
    assert "p99" not in text(cores=2, width=50)
    assert "effect" in text(cores=2, width=50)


def test_without_a_candidate_the_baseline_stands_alone() -> None:
    assert text(cores=2, candidate="nobody").startswith("  clients  throughput\n        1     1,000/s\n")


def test_every_memory_at_rest_is_a_sentence() -> None:
    seen = [growths(resting(resident, live))[0] for resident, live in ((UP, UP), (UP, FLAT), (FLAT, FLAT))]
    assert "".join(f"{line.plain}\n" for line in rest_lines(seen, 80)) == (
        """\
  current: leak; live bytes grow by 4.0 MiB a cycle (4.0 MiB to 4.0 MiB).
  current: retention; resident memory at rest grows by 4.0 MiB a cycle
    (4.0 MiB to 4.0 MiB), live bytes by 100 B.
  current: neither; resident memory at rest changes by 100 B a cycle (100 B to
    100 B).
"""
    )
