import pytest
from hypothesis import given

from heapswap.allocators.model import Candidate
from heapswap.allocators.spelling import is_path, parse, spell
from heapswap.errors import Misuse
from tests.strategies import candidates, path_candidates


@given(candidates())
def test_a_spelled_candidate_is_read_back_as_it_was(candidate: Candidate) -> None:
    assert parse(spell(candidate)) == candidate


@given(candidates())
def test_the_spelling_of_what_was_read_is_the_spelling_that_was_read(candidate: Candidate) -> None:
    text = str(candidate)
    assert str(parse(text)) == text


@given(path_candidates())
def test_the_signs_of_the_spelling_mean_nothing_in_a_path(candidate: Candidate) -> None:
    read = parse(str(candidate))
    assert read == Candidate(library=candidate.library, knobs=candidate.knobs)


@pytest.mark.parametrize(
    ("text", "candidate"),
    [
        ("system", Candidate(library="system")),
        ("current", Candidate(library="current")),
        ("mimalloc", Candidate(library="mimalloc")),
        ("mimalloc+secure", Candidate(library="mimalloc", features=("secure",))),
        ("mimalloc@2", Candidate(library="mimalloc", version="2")),
        ("jemalloc/returning", Candidate(library="jemalloc", recipe="returning")),
        (
            "jemalloc:background_thread=true,dirty_decay_ms=1000",
            Candidate(library="jemalloc", knobs=(("background_thread", "true"), ("dirty_decay_ms", "1000"))),
        ),
        ("system:arena_max=2", Candidate(library="system", knobs=(("arena_max", "2"),))),
        ("/opt/lib/libfoo.so", Candidate(library="/opt/lib/libfoo.so")),
        ("/opt/c++@1,2/libfoo.so", Candidate(library="/opt/c++@1,2/libfoo.so")),
        ("/opt/lib/libfoo.so:purge_delay=0", Candidate(library="/opt/lib/libfoo.so", knobs=(("purge_delay", "0"),))),
        ("mimalloc:python=malloc", Candidate(library="mimalloc", knobs=(("python", "malloc"),))),
        (
            "mimalloc+secure@3.3/speed:purge_delay=5",
            Candidate(
                library="mimalloc",
                features=("secure",),
                version="3.3",
                recipe="speed",
                knobs=(("purge_delay", "5"),),
            ),
        ),
    ],
)
def test_every_form_is_understood(text: str, candidate: Candidate) -> None:
    assert parse(text) == candidate
    assert spell(candidate) == text


def test_features_are_sorted_and_said_once() -> None:
    assert str(parse("mimalloc+secure+debug+secure")) == "mimalloc+debug+secure"


def test_a_value_may_hold_the_signs_of_the_spelling() -> None:
    assert parse("jemalloc:prof_prefix=/tmp/a:b=c").knobs == (("prof_prefix", "/tmp/a:b=c"),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a candidate"),
        ("Mimalloc", "not a candidate"),
        ("mimalloc jemalloc", "not a candidate"),
        ("mimalloc@latest", "not a candidate"),
        ("lib/libfoo.so", "a path begins with /"),
        ("~/libfoo.so", "write the whole path"),
        ("/opt/my lib/libfoo.so", "a path with a space cannot be preloaded"),
        ("/opt/a:b/libfoo.so", "a path with a colon cannot be preloaded"),
        ("/opt/lib/", "is a folder"),
        ("mimalloc:", "ends in a colon"),
        ("mimalloc:purge_delay", "is not knob=value"),
        ("mimalloc:purge_delay=0,", "'' is not knob=value"),
        ("mimalloc:purge_delay=0, show_stats=1", "without spaces"),
        ("mimalloc:purge_delay=0,purge_delay=1", "sets purge_delay twice"),
        ("current:python=malloc", "takes nothing more"),
        ("system@2.36", "no feature and no version"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(Misuse, match=says) as error:
        parse(text)
    assert "\n" not in str(error.value)


def test_only_a_beginning_makes_a_path() -> None:
    assert is_path("/lib/x.so")
    assert is_path("./x.so")
    assert is_path("../x.so")
    assert not is_path("jemalloc/returning")
