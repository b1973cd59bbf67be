"""The data files agree with themselves."""

from collections import Counter
from itertools import combinations

import pytest

from heapswap.allocators import registry, versions
from heapswap.allocators.knobs import Table, carried
from heapswap.allocators.model import Allocator, Carrier, Knob, Recipe

FAMILIES = [family for name in (*registry.PRELOADABLE, *registry.C_LIBRARIES) if (family := registry.own(name))]
each = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def overlap(first: Knob | Recipe, second: Knob | Recipe) -> bool:
    """Whether some version has both rows."""
    starts = versions.parts(first.since), versions.parts(second.since)
    ends = [versions.parts(row.until) for row in (first, second) if row.until]
    return all(max(starts) < end for end in ends)


@each
def test_a_version_has_one_row_of_a_name(family: Allocator) -> None:
    for knob, other in combinations(family.knobs, 2):
        assert knob.name != other.name or not overlap(knob, other), knob.name
    for recipe, another in combinations(family.recipes, 2):
        assert recipe.name != another.name or not overlap(recipe, another), recipe.name


@each
def test_every_recipe_is_accepted_in_every_version_it_is_meant_for(family: Allocator) -> None:
    bounds = {"999", *(build.line for build in family.builds)}
    bounds |= {knob.since for knob in family.knobs if knob.since}
    bounds |= {recipe.since for recipe in family.recipes if recipe.since}
    for recipe in family.recipes:
        covered = [version for version in bounds if versions.covers(recipe, version)]
        assert covered
        for version in covered:
            table = Table(family, version)
            assert carried([table.setting(name, value) for name, value in recipe.knobs], family.configuration)


@each
def test_a_knob_says_what_it_does_and_where_it_goes(family: Allocator) -> None:
    for knob in family.knobs:
        assert knob.effect
        assert knob.variable
        if knob.carrier is Carrier.TUNABLES:
            assert knob.variable.startswith("glibc.malloc.")
        if knob.carrier is Carrier.CONFIGURATION:
            assert family.configuration.endswith("MALLOC_CONF")
        if knob.carrier is Carrier.VARIABLE and family.configuration:
            assert knob.variable.startswith(family.configuration)


@each
def test_recipes_have_a_purpose(family: Allocator) -> None:
    assert all(recipe.purpose for recipe in family.recipes)
    if family.knobs:
        assert {"returning", "speed"} <= {recipe.name for recipe in family.recipes}


def test_no_symbol_identifies_two_families() -> None:
    symbols = Counter(symbol for family in FAMILIES for symbol in family.symbols)
    assert set(symbols.values()) == {1}


def test_jemalloc_returns_memory_without_a_thread_too() -> None:
    jemalloc = registry.family("jemalloc")
    recipe = next(recipe for recipe in jemalloc.recipes if recipe.name == "returning-unthreaded")
    assert "background_thread" not in dict(recipe.knobs)
