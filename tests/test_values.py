"""Classes of values behave as frozen, slotted dataclasses do."""

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.findings import Finding, Level
from heapswap.values import value


@value
class Stone:
    """A value."""

    name: str
    weight: int = 1
    """of an ordinary one"""
    marks: tuple[str, ...] = ()

    @property
    def heavy(self) -> bool:
        return self.weight > 10

    def __str__(self) -> str:
        return self.name


@value
class Other:
    name: str
    weight: int = 1
    marks: tuple[str, ...] = ()


@value(kw_only=False)
class Pair:
    first: int
    second: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    name: str
    weight: int = 1
    marks: tuple[str, ...] = ()


ARGUMENTS = st.fixed_dictionaries(
    {"name": st.text(max_size=3)}, optional={"weight": st.integers(0, 3), "marks": st.tuples(st.text(max_size=2))}
)


@given(first=ARGUMENTS, second=ARGUMENTS)
def test_equality_hash_and_words_are_those_of_a_dataclass(first: dict[str, Any], second: dict[str, Any]) -> None:
    ours, theirs = [Stone(**one) for one in (first, second)], [Twin(**one) for one in (first, second)]
    assert (ours[0] == ours[1]) == (theirs[0] == theirs[1])
    assert (hash(ours[0]) == hash(ours[1])) == (hash(theirs[0]) == hash(theirs[1]))
    assert repr(ours[0]).removeprefix("Stone") == repr(theirs[0]).removeprefix("Twin")
    assert dataclasses.asdict(ours[0]) == dataclasses.asdict(theirs[0])
    assert msgspec.json.encode(ours[0]) == msgspec.json.encode(theirs[0])
    assert msgspec.json.decode(msgspec.json.encode(ours[0]), type=Stone) == ours[0]
    assert pickle.loads(pickle.dumps(ours[0])) == copy.deepcopy(ours[0]) == ours[0]
    other: object = Other(**first)
    assert ours[0] != other


@pytest.mark.parametrize(
    "arguments", [{}, {"weight": 1}, {"name": "a", "colour": "red"}, {"name": "a", "__defaults__": ()}]
)
def test_arguments_are_all_that_are_needed_and_no_others(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="Stone takes name, weight, marks"):
        Stone(**arguments)


def test_arguments_by_place_are_for_classes_that_say_so() -> None:
    assert Pair(1, 2) == Pair(1, second=2) == Pair(first=1, second=2)
    assert Pair(1) == Pair(1, 0)
    build: Any = Pair
    with pytest.raises(TypeError):
        build(1, 2, 3)
    with pytest.raises(TypeError):
        build(1, first=2)
    build = Stone
    with pytest.raises(TypeError):
        build("a")
    match Pair(3, 4):
        case Pair(first, second):
            assert (first, second) == (3, 4)


def test_a_value_does_not_change() -> None:
    stone: Any = Stone(name="a")
    with pytest.raises(AttributeError, match="weight"):
        stone.weight = 2
    with pytest.raises(AttributeError, match="weight"):
        del stone.weight
    with pytest.raises(AttributeError):
        stone.colour = "red"
    assert issubclass(FrozenInstanceError, AttributeError)
    assert not hasattr(stone, "__dict__")


def test_another_value_is_made_by_replacing() -> None:
    changed = dataclasses.replace(Stone(name="a"), weight=11)
    assert (changed.name, changed.weight, changed.heavy, str(changed)) == ("a", 11, True, "a")
    assert [(one.name, one.type) for one in dataclasses.fields(Pair)] == [("first", int), ("second", int)]


def test_documentation_and_place_are_kept() -> None:
    assert (Stone.__doc__, Stone.__module__, Stone.__qualname__) == ("A value.", __name__, "Stone")


def test_a_saved_finding_reads_as_it_always_did() -> None:
    finding = Finding(code="a", level=Level.NOTE, seen="b", remedy="c")
    assert msgspec.json.encode(finding) == b'{"code":"a","level":"note","seen":"b","remedy":"c"}'
