"""The symbols by which allocators are known."""

import pytest

from heapswap.allocators import registry
from heapswap.allocators.marks import BY_SYMBOL, MARKS, PRIVATE


def test_no_symbol_stands_for_two() -> None:
    assert len(BY_SYMBOL) == len(MARKS)


@pytest.mark.parametrize("name", registry.PRELOADABLE)
def test_every_family_of_the_registry_is_known_by_a_symbol(name: str) -> None:
    family = registry.own(name)
    assert family is not None
    assert family.symbols
    assert {BY_SYMBOL[symbol].family for symbol in family.symbols} == {name}
    assert {BY_SYMBOL[symbol].variable for symbol in family.symbols} == {family.configuration}


def test_private_interfaces_have_no_name_in_common() -> None:
    names = [name for family in PRIVATE.values() for name in family]
    assert len(names) == len(set(names))
    assert not {"malloc", "free", "calloc", "realloc"} & set(names)
