import pytest

from heapswap.allocators import registry
from heapswap.allocators.model import Allocator
from heapswap.allocators.promise import change_cost, default_candidates
from heapswap.allocators.spelling import parse

OBJECTIVES = ("balanced", "time", "cpu", "memory")
PYTHONS = ("", "3.11.7", "3.13.1", "3.13.1t")


@pytest.fixture(autouse=True)
def glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "c_library", lambda: ("glibc", "2.36"))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("python", PYTHONS)
def test_a_list_is_long_enough_to_find_something_and_short_enough_to_try(objective: str, python: str) -> None:
    spelled = [str(candidate) for candidate in default_candidates(python=python, objective=objective)]
    assert 8 <= len(spelled) <= 14
    assert len(set(spelled)) == len(spelled)
    assert any(text.startswith("system:") for text in spelled)
    assert {"mimalloc", "jemalloc"} <= set(spelled)


def test_memory_begins_with_the_free_knobs() -> None:
    first, second, *_ = default_candidates(python="", objective="memory")
    assert change_cost(first) == change_cost(second) == 1


@pytest.mark.parametrize("objective", ["time", "cpu"])
def test_time_begins_with_the_libraries(objective: str) -> None:
    costs = [change_cost(candidate) for candidate in default_candidates(python="", objective=objective)]
    assert costs[:4] == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("python", "values"),
    [("", set()), ("3.11.7", {"malloc"}), ("3.13.1", {"malloc", "mimalloc"}), ("3.13.1t", {"mimalloc"})],
)
def test_pythons_own_allocator_is_tried_where_that_python_has_it(python: str, values: set[str]) -> None:
    found = {
        dict(candidate.knobs)["python"]
        for objective in OBJECTIVES
        for candidate in default_candidates(python=python, objective=objective)
        if "python" in dict(candidate.knobs)
    }
    assert found == values


def test_musl_has_no_knobs_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "c_library", lambda: ("musl", ""))
    spelled = [str(candidate) for candidate in default_candidates(python="3.13.1", objective="balanced")]
    assert [text for text in spelled if text.startswith("system")] == ["system:python=mimalloc"]


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("current", 0),
        ("system", 0),
        ("system:arena_max=2", 1),
        ("system/returning", 1),
        ("system:python=malloc", 1),
        ("mimalloc", 2),
        ("mimalloc@2", 2),
        ("/opt/libfoo.so", 2),
        ("jemalloc/returning", 3),
        ("mimalloc:python=malloc", 3),
    ],
)
def test_what_a_change_costs(text: str, cost: int) -> None:
    assert change_cost(parse(text)) == cost


def test_a_family_that_a_package_adds_is_tried_early(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Allocator(name="shelf", summary="", upstream="")
    monkeypatch.setattr(registry, "plugins", lambda: ((shelf,), ()))
    spelled = [str(candidate) for candidate in default_candidates(python="", objective="memory")]
    assert spelled.index("shelf") == 2
