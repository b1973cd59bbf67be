"""The format, read: against a writer of its own, and against what must not be taken for a file."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.profiling import wire
from tests.profiling.files import NUMBERS, Sample, Slot, parts, raw

numbers = st.integers(0, 2**63 - 1)
tallies = st.tuples(st.integers(0, 2**40), st.integers(0, 2**40))
slots = st.builds(
    Slot,
    numbers=st.dictionaries(st.sampled_from(["frees", "failed", "moved", "grown"]), st.integers(0, 2**40)),
    functions=st.dictionaries(st.integers(0, 15), tallies, max_size=4),
    classes=st.dictionaries(st.integers(0, 63), tallies, max_size=4),
)
samples = st.builds(
    Sample,
    size=st.integers(0, (1 << 48) - 1),
    ticks=numbers,
    scale=st.integers(0, 255),
    function=st.integers(0, 12),
    voluntary=st.integers(0, 65535),
    involuntary=st.integers(0, 65535),
    faults=st.integers(0, 65535),
    cpu=numbers,
    threads=st.integers(0, 65535),
)


@given(st.lists(slots, max_size=4))
def test_a_process_is_the_sum_of_its_slots(made: list[Slot]) -> None:
    read = raw(*made)
    for field in ("frees", "failed", "moved", "grown"):
        assert read.total(field) == sum(slot.numbers.get(field, 0) for slot in made)
    for field, places in (("functions", 16), ("classes", 64)):
        table = read.tallies(field)
        assert table.shape == (places, 2)
        for place in range(places):
            wanted = [getattr(slot, field).get(place, (0, 0)) for slot in made]
            assert table[place].tolist() == [sum(one[0] for one in wanted), sum(one[1] for one in wanted)]


@given(st.lists(samples, max_size=300))
def test_samples_come_back_as_they_were(made: list[Sample]) -> None:
    read = raw(samples=made)
    assert len(read.samples) == len(made)
    for field in Sample.__dataclass_fields__:
        assert read.samples[field].tolist() == [getattr(sample, field) for sample in made]


@given(st.dictionaries(st.sampled_from([n for n in NUMBERS if n not in ("flags", "slots", "sample_pages")]), numbers))
def test_the_header_comes_back_as_it_was(values: dict[str, int]) -> None:
    header = raw(header=values).header
    assert {name: getattr(header, name) for name in values} == values


def test_texts_come_back() -> None:
    header = raw(program="/opt/a b", library="/l/mimalloc.so", arguments=("a", "", "ü")).header
    assert (header.program, header.library, header.arguments) == ("/opt/a b", "/l/mimalloc.so", ("a", "", "ü"))
    assert raw(arguments=()).header.arguments == ()


@pytest.mark.parametrize("data", [b"", b"heapprob", b"x" * wire.HEADER, b"\0" * wire.HEADER])
def test_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(wire.NotAProbeFile):
        wire.decode("x", data)


def test_a_newer_version_is_refused() -> None:
    head = bytearray(parts()[0])
    head[8] = wire.VERSION + 1
    with pytest.raises(wire.NotAProbeFile, match="version 3, and this heapswap reads version 2"):
        wire.decode("x", bytes(head))


def test_a_cut_file_is_read_as_far_as_it_goes() -> None:
    head, body, _ = parts(Slot(numbers={"frees": 3}), Slot(numbers={"frees": 4}))
    assert wire.decode("x", head, body[: wire.SLOT + 100]).total("frees") == 3


def test_a_folder_is_read_in_the_order_in_which_processes_began(tmp_path: Path) -> None:
    for number, begun in enumerate((30, 10, 20)):
        head, body, _ = parts(Slot(numbers={"live": begun}), header={"begun": begun})
        (tmp_path / f"{number}-0.probe").write_bytes(head + body)
    (tmp_path / "broken-0.probe").write_bytes(b"heapprob")
    (tmp_path / "other").write_bytes(b"")
    assert [file.header.begun for file in wire.read_all(tmp_path)] == [10, 20, 30]
    assert wire.live_now(tmp_path / "0-0.probe") == 30


def test_the_limits_of_the_size_classes() -> None:
    limits = wire.upper_limits()
    assert limits[:9] == (8, 12, 16, 24, 32, 48, 64, 96, 128)
    assert len(limits) == wire.CLASSES
    assert all(low < high for low, high in pairwise(limits))
