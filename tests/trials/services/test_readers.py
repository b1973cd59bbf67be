"""What load generators print, as they printed it, and what is read from it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.trials.services.readers import read
from heapswap.workload import Direction, Reader

OUTPUTS = Path(__file__).with_name("outputs")


def figures(reader: Reader, text: str) -> dict[str, float]:
    return {row.metric: row.value for row in read(reader, text)}


@pytest.mark.parametrize(
    ("reader", "name", "expected"),
    [
        (
            Reader.WRK,
            "wrk",
            {
                **{"throughput": 42.53, "requests": 44, "errors": 0, "latency_mean": 45.86, "latency_max": 61.97},
                **{"latency_p50": 44.0, "latency_p75": 52.35, "latency_p90": 59.73, "latency_p99": 61.97},
            },
        ),
        (
            Reader.WRK,
            "wrk-errors",
            {"throughput": 48.5, "requests": 97, "errors": 16, "latency_mean": 1200, "latency_max": 1610},
        ),
        (
            Reader.AB,
            "ab",
            {
                **{"throughput": 450.68, "requests": 200, "errors": 0, "latency_mean": 4.438, "latency_max": 35},
                **{"latency_p50": 2, "latency_p66": 3, "latency_p75": 5, "latency_p80": 6, "latency_p90": 10},
                **{"latency_p95": 17, "latency_p98": 33, "latency_p99": 35},
            },
        ),
        (Reader.REDIS, "redis-q", {"throughput": 2 / (1 / 41666.67 + 1 / 42553.19), "latency_p50": 0.039}),
        (
            Reader.REDIS,
            "redis-csv",
            {
                **{"throughput": 2 / (1 / 16129.03 + 1 / 19417.48), "latency_mean": 0.092, "latency_max": 19.743},
                **{"latency_p50": 0.039, "latency_p95": 0.063, "latency_p99": 2.263},
            },
        ),
        (
            Reader.PGBENCH,
            "pgbench",
            {"throughput": 238.319083, "latency_mean": 8.392, "requests": 472, "errors": 0},
        ),
        (
            Reader.PGBENCH,
            "pgbench-rate",
            {"throughput": 41.964351, "latency_mean": 7.017, "requests": 84, "errors": 0},
        ),
    ],
)
def test_what_each_generator_prints(reader: Reader, name: str, expected: dict[str, float]) -> None:
    assert figures(reader, (OUTPUTS / f"{name}.txt").read_text()) == pytest.approx(expected)


def test_redis_benchmark_at_length() -> None:
    found = figures(Reader.REDIS, (OUTPUTS / "redis.txt").read_text())
    assert found["requests"] == 4000
    assert found["latency_max"] == pytest.approx(0.367) or found["latency_max"] > 0.367
    assert {"latency_mean", "latency_p50", "latency_p95", "latency_p99", "throughput"} < found.keys()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("throughput: 1234.5/s\nerrors = 2\n", {"throughput": 1234.5, "errors": 2}),
        ("p50: 900us\np99 = 4.2 ms\nmax: 1.5 s\n", {"latency_p50": 0.9, "latency_p99": 4.2, "latency_max": 1500}),
        ("latency p99.9: 7\n  90%: 3 ms\nmedian: 1\n", {"latency_p99.9": 7, "latency_p90": 3, "latency_p50": 1}),
        ("Requests/sec: 10\nrequests: 100\nweather: 7\n", {"throughput": 10, "requests": 100}),
        ('noise\n{"rps": 5, "p99": 2.5, "ok": true, "name": "x"}\n', {"throughput": 5, "latency_p99": 2.5}),
        ("throughput: 1\nthroughput: 2\n", {"throughput": 2}),
        ("{broken\n", {}),
        ("", {}),
    ],
)
def test_lines_and_json_of_a_generator_of_ones_own(text: str, expected: dict[str, float]) -> None:
    assert figures(Reader.GENERIC, text) == pytest.approx(expected)


def test_rows_say_which_way_is_better_and_in_what_unit() -> None:
    rows = {row.metric: row for row in read(Reader.GENERIC, "rps: 5\np99: 2 ms\nerrors: 1\n")}
    assert (rows["throughput"].unit, rows["throughput"].direction) == ("1/s", Direction.MORE)
    assert (rows["latency_p99"].unit, rows["latency_p99"].direction) == ("ms", Direction.LESS)
    assert {row.phase for row in rows.values()} == {"step"}


@given(st.sampled_from(Reader), st.text())
def test_no_output_is_too_strange_to_be_read(reader: Reader, text: str) -> None:
    read(reader, text)
