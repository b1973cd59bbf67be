import hashlib
from pathlib import Path

import pytest

from heapswap.trials.output import digest, last_lines, read_metrics
from heapswap.workload import Direction, Metric


@pytest.fixture
def streams(tmp_path: Path) -> tuple[Path, Path]:
    stdout, stderr = tmp_path / "stdout", tmp_path / "stderr"
    stdout.write_bytes(b"rate: 10 op/s\nrate: 12.5 op/s\nbroken: n/a\n\xff\xfe\n")
    stderr.write_bytes(b"rate: 99 op/s\nlatency 3e-3\n")
    return stdout, stderr


def test_digest_is_that_of_the_bytes(streams: tuple[Path, Path]) -> None:
    assert digest(streams[0]) == "sha256:" + hashlib.sha256(streams[0].read_bytes()).hexdigest()


def test_the_last_match_counts_and_standard_output_goes_first(streams: tuple[Path, Path]) -> None:
    rate = Metric(name="rate", pattern=r"^rate: ([\d.]+)", unit="op/s", direction=Direction.MORE)
    latency = Metric(name="latency", pattern=r"latency (\S+)")
    rows, findings = read_metrics((rate, latency), streams)
    assert [(row.metric, row.value, row.unit, row.direction) for row in rows] == [
        ("rate", 12.5, "op/s", Direction.MORE),
        ("latency", 0.003, "1", Direction.LESS),
    ]
    assert findings == []


@pytest.mark.parametrize(
    ("pattern", "seen"),
    [
        (r"absent (\d+)", "metric 'm': 'absent (\\d+)' matches nothing printed"),
        (r"broken: (\S+)", "metric 'm': 'n/a' is not a number"),
        (r"(nothing)?latency", "metric 'm': 'latency' is not a number"),
    ],
)
def test_a_metric_that_is_no_number_is_a_finding(streams: tuple[Path, Path], pattern: str, seen: str) -> None:
    rows, findings = read_metrics((Metric(name="m", pattern=pattern),), streams)
    assert rows == []
    assert [finding.code for finding in findings] == ["metric-absent"]
    if "nothing)?" not in pattern:
        assert findings[0].seen == seen


@pytest.mark.parametrize("printed", [b"m nan", b"m inf", b""])
def test_only_a_finite_number_is_a_value(tmp_path: Path, printed: bytes) -> None:
    path = tmp_path / "stdout"
    path.write_bytes(printed)
    rows, findings = read_metrics((Metric(name="m", pattern=r"m (\w+)"),), (path,))
    assert rows == []
    assert len(findings) == 1


def test_the_last_lines_of_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "stderr"
    path.write_bytes(b"".join(b"line %d \xff\n" % number for number in range(100_000)))
    lines = last_lines(path).splitlines()
    assert len(lines) == 20
    assert lines[-1] == "line 99999 �"
    path.write_bytes(b"")
    assert last_lines(path) == ""
