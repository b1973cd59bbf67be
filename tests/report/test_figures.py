"""Figures in the words of the reader."""

from math import inf, nan

import pytest

from heapswap.report.figures import amount, count, interval, name, percent, rounded_span, share, span, title


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        (-0.381, "-38.1 %"),
        (0.05, "+5.0 %"),
        (1.2, "+120 %"),
        (98.9, "+9890 %"),
        (124.0, "x125"),
        (-0.0004, "0.0 %"),
        (None, "-"),
        (nan, "-"),
        (inf, "-"),
    ],
)
def test_percent(effect: float | None, text: str) -> None:
    assert percent(effect) == text


def test_intervals() -> None:
    assert interval(-0.402, -0.359) == "-40.2 % to -35.9 %"
    assert span(-0.402, 1.3) == "-40.2..+130"
    assert rounded_span(-0.402, 0.012) == "-40..+1.2"
    assert span(None, 0.1) == "?..+10.0"
    assert span(None, None) == ""


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.21, "s", "1.21 s"),
        (132 * 1024**2, "B", "132 MiB"),
        (18250.0, "requests/s", "18,250 requests/s"),
        (0.5, "1", "0.5"),
        (None, "s", "-"),
        (nan, "B", "-"),
    ],
)
def test_amount(value: float | None, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_margins_and_counts() -> None:
    assert (share(0.1), share(0.018), share(0.02)) == ("10 %", "1.8 %", "2 %")
    assert (count(1, "run"), count(0, "run")) == ("1 run", "0 runs")


def test_metrics_have_names_in_sentences_and_titles_above_columns() -> None:
    assert (name("peak"), title("peak"), name("cpu"), title("cpu")) == ("peak memory", "peak", "CPU time", "CPU time")
    assert name("throughput") == title("throughput") == "throughput"
