"""Print docs/knobs.md: every family's knobs and recipes, read from the families themselves."""

from collections.abc import Iterable, Sequence

from heapswap.allocators import python
from heapswap.allocators.model import Allocator, Knob, Recipe
from heapswap.allocators.registry import C_LIBRARIES, PRELOADABLE, own

HEADER = """# Knobs and recipes

Written by `make docs-tables` from the allocator families; do not edit.
[candidates.md](candidates.md) says how a knob is spelled in a candidate.
"""
KNOB_COLUMNS = ("knob", "variable or key", "value", "default", "versions", "effect")
RECIPE_COLUMNS = ("recipe", "knobs", "versions", "purpose")


def page() -> str:
    """The whole page."""
    families = [known for name in (*C_LIBRARIES, *PRELOADABLE) if (known := own(name))]
    parts = [HEADER, *(section(family) for family in families)]
    parts.append(f"## Python's own allocator\n\n{table(KNOB_COLUMNS, [knob_row(python.KNOB)])}")
    return "\n".join(parts)


def section(family: Allocator) -> str:
    """One family: its knobs, its recipes."""
    parts = [f"## {family.name}\n\n{family.summary}. {family.upstream}\n"]
    if family.knobs:
        parts.append(table(KNOB_COLUMNS, map(knob_row, family.knobs)))
    if family.recipes:
        parts.append(table(RECIPE_COLUMNS, map(recipe_row, family.recipes)))
    if not family.knobs and not family.recipes:
        parts.append("It has no knobs.\n")
    return "\n".join(parts)


def knob_row(knob: Knob) -> tuple[str, ...]:
    """The cells of one knob."""
    value = ", ".join(knob.choices) or " ".join(word for word in (knob.type.value, knob.unit) if word)
    return (f"`{knob.name}`", f"`{knob.variable}`", value, knob.default, versions(knob.since, knob.until), knob.effect)


def recipe_row(recipe: Recipe) -> tuple[str, ...]:
    """The cells of one recipe."""
    knobs = ",".join(f"{name}={value}" for name, value in recipe.knobs)
    return (f"`{recipe.name}`", f"`{knobs}`", versions(recipe.since, recipe.until), recipe.purpose)


def versions(since: str, until: str) -> str:
    """``since 5.0``, ``before 2.1``, ``2.0 to before 2.1`` or ``all``."""
    if since and until:
        return f"{since} to before {until}"
    return f"since {since}" if since else f"before {until}" if until else "all"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    print(page(), end="")
