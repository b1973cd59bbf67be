"""The candidates that `--candidates` names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.allocators.model import Candidate
from heapswap.allocators.spelling import parse, spell
from heapswap.cli.trial import DEFAULT, candidates_of
from heapswap.errors import Misuse
from tests.strategies import candidates


@pytest.mark.parametrize(
    ("words", "spellings"),
    [
        (["mimalloc"], ["mimalloc"]),
        (["mimalloc", "jemalloc"], ["mimalloc", "jemalloc"]),
        (["mimalloc,jemalloc"], ["mimalloc", "jemalloc"]),
        (["mimalloc,", "jemalloc"], ["mimalloc", "jemalloc"]),
        ([",mimalloc,,jemalloc,"], ["mimalloc", "jemalloc"]),
        (
            ["jemalloc:background_thread=true,dirty_decay_ms=1000,mimalloc"],
            ["jemalloc:background_thread=true,dirty_decay_ms=1000", "mimalloc"],
        ),
        (["mimalloc,system:arena_max=2,jemalloc"], ["mimalloc", "system:arena_max=2", "jemalloc"]),
        (["system:arena_max=2,mimalloc:purge_delay=0"], ["system:arena_max=2", "mimalloc:purge_delay=0"]),
        (["system:arena_max=2,/opt/lib=/x.so"], ["system:arena_max=2", "/opt/lib=/x.so"]),
        (["jemalloc:a=x:y,b=z:w"], ["jemalloc:a=x:y,b=z:w"]),
        (DEFAULT, list(DEFAULT)),
    ],
)
def test_spaces_and_commas_separate_candidates_and_commas_their_knobs(
    words: list[str] | tuple[str, ...], spellings: list[str]
) -> None:
    assert [spell(candidate) for candidate in candidates_of(words)] == spellings


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mimalloc,purge_delay=0"], "'purge_delay=0' is not a candidate; write LIB"),
        (["jemalloc:a=1,a=2"], "'jemalloc:a=1,a=2' sets a twice; set it once"),
        (["mimalloc,Jemalloc"], "'Jemalloc' is not a candidate; write LIB"),
        ([","], "--candidates names none; give for example --candidates mimalloc jemalloc"),
        ([""], "--candidates names none; give for example --candidates mimalloc jemalloc"),
    ],
)
def test_what_is_no_candidate_is_misuse(words: list[str], message: str) -> None:
    with pytest.raises(Misuse) as caught:
        candidates_of(words)
    assert str(caught.value).startswith(message)


# A path may hold a comma, which only a word of its own can then not tell from the end of a candidate.
without_commas = candidates().filter(lambda candidate: "," not in candidate.library)


@given(st.lists(without_commas, min_size=1, max_size=4), st.data())
def test_candidates_are_read_back_however_they_are_separated(wanted: list[Candidate], data: st.DataObject) -> None:
    words = [spell(wanted[0])]
    for candidate in wanted[1:]:
        if data.draw(st.booleans(), label="comma"):
            words[-1] += f",{spell(candidate)}"
        else:
            words.append(spell(candidate))
    assert list(candidates_of(words)) == [parse(spell(candidate)) for candidate in wanted]
