"""Ramps and rests of services whose scaling is known, as sections of a page."""

from heapswap import artifact
from heapswap.report.document.make import document
from heapswap.report.document.model import Table
from heapswap.report.document.scaling import scaling_sections
from heapswap.report.markdown import markdown
from heapswap.report.reading import parse
from heapswap.scaling.ramps import ramps
from heapswap.scaling.rest import growths
from tests.report.artifacts import TESTS
from tests.scaling.services import trial
from tests.scaling.test_rest import FLAT, UP, resting


def better_when_crowded(candidate: str, level: int) -> float:
    return 1000.0 * min(level, 4 if candidate == "jemalloc" else 2)


def tables(cores: int) -> dict[str, list[list[str]]]:
    """The cells of every table, by the first words of its caption."""
    seen = trial(better_when_crowded, cores=cores, noise=0.0, candidates=("mimalloc", "jemalloc"))
    (section, *_) = scaling_sections(ramps(seen), (), ["jemalloc", "mimalloc"])
    found = [block for block in section.blocks if isinstance(block, Table)]
    return {table.caption.split(",")[0]: [[cell.text for cell in row] for row in table.rows] for table in found}


def test_every_candidate_has_its_effect_at_every_step() -> None:
    rows = tables(cores=2)["Effect on throughput at every step"]
    assert [row[:2] for row in rows] == [["1", "1,000/s"], ["2", "2,000/s"], ["4", "2,000/s"], ["8", "2,000/s"]]
    assert [row[2].split(" (")[0] for row in rows] == ["0.0 %", "0.0 %", "+100 %", "+100 %"]  # the best stands first
    assert all(row[3].startswith("0.0 %") for row in rows)


def test_where_each_stops_growing_and_why() -> None:
    rows = tables(cores=2)["Where throughput stops growing"]
    assert [row[:3] for row in rows] == [
        ["current", "2 clients", "the program"],
        ["jemalloc", "4 clients", "the program"],
        ["mimalloc", "2 clients", "the program"],
    ]
    assert all("one core busy" in row[3] for row in rows)


def test_the_law_stands_where_there_is_one() -> None:
    assert "The Universal Scalability Law" not in tables(cores=2)
    (base, best, _) = tables(cores=8)["The Universal Scalability Law"]
    assert base[0] == "current"
    assert base[2:] == ["10 % (10 % to 10 %)", "4.8 % (4.8 % to 4.8 %)", "4 (4 to 4)"]
    assert best[0] == "jemalloc"


def test_growth_is_a_row_a_candidate() -> None:
    (rest,) = [one for one in scaling_sections((), growths(resting(UP, FLAT)), ()) if one.blocks]
    (table,) = rest.blocks
    assert isinstance(table, Table)
    assert [cell.text for cell in table.rows[0]][:5] == [
        "current",
        "retention",
        "4.0 MiB (4.0 MiB to 4.0 MiB)",
        "100 B (100 B to 100 B)",
        "7",
    ]


def test_a_plain_command_has_neither_section() -> None:
    assert [one for one in scaling_sections((), (), ()) if one.blocks] == []


def test_saved_files_show_it_also_those_of_an_older_heapswap() -> None:
    """A verdict, and a trial from which it is worked out anew: what they say of scaling is all in them."""
    older = (TESTS / "cli/golden/verdict-1-service.json").read_bytes()
    for saved in (older, artifact.encode(trial(better_when_crowded, cores=2, noise=0.0))):
        page = markdown(document(parse(saved, "saved")))
        assert "Where throughput stops growing" in page
        assert "2 clients" in page
    assert "Growth of memory at rest" in markdown(document(parse(older, "saved")))
