"""conditions: read from cfg(…), and asked with what is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.cargo.conditions import ALWAYS, Condition, Facts, Operator, both, holds, negated, predicate
from heapswap.cargo.tokens import parse

LINUX = Facts(
    target=frozenset((("unix", None), ("target_os", "linux"), ("target_env", "gnu"))), features=frozenset(("je",))
)


def condition(text: str) -> Condition:
    return predicate(parse(text))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("unix", True),
        ("windows", False),
        ('target_os = "linux"', True),
        ('not(target_env = "msvc")', True),
        ('all(unix, feature = "je",)', True),
        ('all(unix, feature = "mi")', False),
        ('any(feature = "mi", feature = "je")', True),
        ("test", False),
        ("tokio_unstable", None),
        ("not(tokio_unstable)", None),
        ("any(unix, tokio_unstable)", True),
        ("all(windows, tokio_unstable)", False),
        ("all(unix, tokio_unstable)", None),
        ("any(windows, tokio_unstable)", None),
        ("all()", True),
        ("any()", False),
        ("true", True),
        ("false", False),
        ("not()", False),
        ("=", False),
    ],
)
def test_a_condition_is_answered_with_what_is_known(text: str, answer: bool | None) -> None:
    assert holds(condition(text), LINUX) is answer


@pytest.mark.parametrize("text", ['all(unix, feature = "je")', 'any(not(windows), target_os = "linux")', "unix"])
def test_a_condition_is_spelled_as_it_is_written(text: str) -> None:
    assert str(condition(text)) == text


def test_the_features_it_asks_about() -> None:
    assert condition('all(feature = "a", any(unix, not(feature = "b")))').features == {"a", "b"}


ATOMS = st.sampled_from([condition(text) for text in ("unix", "windows", "custom", 'feature = "je"')])
CONDITIONS = st.recursive(
    ATOMS,
    lambda parts: st.one_of(
        parts.map(negated),
        st.lists(parts, max_size=3).map(lambda some: Condition(Operator.ALL, tuple(some))),
        st.lists(parts, max_size=3).map(lambda some: Condition(Operator.ANY, tuple(some))),
    ),
    max_leaves=6,
)


@given(CONDITIONS)
def test_what_is_written_is_read_back(one: Condition) -> None:
    assert condition(str(one)) == one


@given(CONDITIONS, CONDITIONS)
def test_both_hold_where_each_does(first: Condition, second: Condition) -> None:
    answers = [holds(one, LINUX) for one in (first, second)]
    expected = False if False in answers else None if None in answers else True
    assert holds(both(first, second), LINUX) is expected
    assert both(ALWAYS, first) == (first if first.operator is not Operator.ALL else both(first, ALWAYS))
