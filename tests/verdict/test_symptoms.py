"""Which candidates help against what."""

from hypothesis import given
from hypothesis import strategies as st

from heapswap.allocators.promise import default_candidates
from heapswap.allocators.spelling import parse
from heapswap.verdict.objective import OBJECTIVES
from heapswap.verdict.symptoms import HELPS, NO_HELP, Symptom, helpful


def names(*symptoms: Symptom, of: tuple[str, ...]) -> list[str]:
    return [str(one) for one in helpful(map(parse, of), symptoms)]


def test_every_candidate_of_advise_has_its_place_in_the_table() -> None:
    """One that is added there is tried by nobody until it is said here what it is good for."""
    placed = {spelling for spellings in (*HELPS.values(), NO_HELP) for spelling in spellings}
    ours = {
        str(one)
        for objective in OBJECTIVES
        for python in ("", "3.11.7", "3.13.0")
        for one in default_candidates(python=python, objective=objective)
    }
    assert ours == placed


def test_each_symptom_has_its_candidates_in_their_order() -> None:
    of = ("system:arena_max=2", "mimalloc", "jemalloc/returning", "system/speed", "mimalloc:python=malloc")
    assert names(Symptom.ALLOCATION, of=of) == ["mimalloc"]
    assert names(Symptom.CONTENTION, of=of) == ["mimalloc"], "fewer arenas are more contention"
    assert names(Symptom.FAULTS, of=of) == ["system:arena_max=2", "mimalloc", "system/speed"]
    assert names(Symptom.RETENTION, of=of) == ["mimalloc", "jemalloc/returning"]
    assert names(Symptom.RETENTION, Symptom.ARENAS, of=of) == ["system:arena_max=2", "mimalloc", "jemalloc/returning"]


def test_a_family_that_nobody_has_measured_is_always_tried() -> None:
    assert names(Symptom.RETENTION, of=("jemalloc:narenas=1", "mimalloc")) == ["jemalloc:narenas=1", "mimalloc"]


def test_where_nothing_helps_everything_is_tried() -> None:
    assert names(Symptom.ARENAS, of=("mimalloc", "snmalloc")) == ["mimalloc", "snmalloc"]


@given(st.sets(st.sampled_from(Symptom)), st.sampled_from(Symptom))
def test_a_further_symptom_takes_nobody_away(symptoms: set[Symptom], further: Symptom) -> None:
    of = tuple(str(one) for one in default_candidates(python="3.11.7", objective="balanced"))
    if symptoms and len(names(*symptoms, of=of)) < len(of):
        assert set(names(*symptoms, of=of)) <= set(names(*symptoms, further, of=of))
