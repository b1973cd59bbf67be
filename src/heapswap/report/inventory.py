"""What `heapswap allocators` prints: plain text that fits the width it is given."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from heapswap.allocators.inventory import Inventory, Present
from heapswap.allocators.model import Allocator, Knob, Recipe

_GAP = "  "


def overview(inventory: Inventory, width: int) -> str:
    """The libraries that are here, then what is missing and how to add it."""
    rows: list[tuple[str, ...]] = [
        ("CANDIDATE", "VERSION", "FROM", "PAGES", "LIBRARY"),
        ("system", inventory.system, "C library", "any", ""),
    ]
    lines = [*_libraries(inventory.libraries, width, rows)]
    if inventory.missing:
        lines += ["", "Missing"]
        for missing in inventory.missing:
            lines += _wrapped(f"{missing.spelling}: {missing.reason}", width, "  ")
            lines += _wrapped(missing.remedy, width, "    ")
    for finding in inventory.findings:
        lines += ["", *_wrapped(f"{finding.level}: {finding.seen}; {finding.remedy}", width, "")]
    names = ", ".join(family.name for family in inventory.families if family.knobs)
    lines += ["", *_wrapped(f"Knobs and recipes of one: heapswap allocators NAME ({names})", width, "")]
    return "\n".join(lines) + "\n"


def details(family: Allocator, inventory: Inventory, width: int) -> str:
    """One family: its libraries, recipes and knobs, every range of versions a row of its own."""
    lines = [*_wrapped(f"{family.name}: {family.summary}", width, ""), family.upstream]
    if inventory.libraries:
        lines += ["", *_libraries(inventory.libraries, width)]
    for missing in inventory.missing:
        lines += ["", *_wrapped(f"Missing: {missing.spelling}, {missing.reason}", width, "")]
        lines += _wrapped(missing.remedy, width, "  ")
    if family.recipes:
        lines += ["", "Recipes"]
        for recipe in family.recipes:
            lines += _recipe(recipe, width)
    if family.knobs:
        lines += ["", "Knobs"]
        for knob in family.knobs:
            lines += _knob(knob, width)
    return "\n".join(lines) + "\n"


def _libraries(libraries: Iterable[Present], width: int, head: Sequence[tuple[str, ...]] = ()) -> Iterable[str]:
    """A row a library; one that only its path selects stands below, whole, so that it can be copied."""
    by_path = [present for present in libraries if present.spelling.startswith("/")]
    yield from _columns([*head, *(_row(present) for present in libraries if present not in by_path)], width)
    for present in by_path:
        yield present.spelling
        yield f"  {present.library.family} {present.library.version or '?'}, {present.library.origin.value}"


def _row(present: Present) -> tuple[str, ...]:
    library = present.library
    pages = f"≤{library.page_size >> 10}K" if library.page_size else "any"
    return present.spelling, library.version or "?", library.origin.value, pages, library.path


def _columns(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Rows with every column as wide as its longest cell; the last, a path, is shortened to fit."""
    widths = [max(len(row[column]) for row in rows) for column in range(4)] if rows else []
    left = width - sum(widths) - len(_GAP) * len(widths)
    lines = []
    for row in rows:
        cells = [cell.ljust(size) for cell, size in zip(row, widths, strict=False)]
        lines.append(_GAP.join((*cells, _shortened(row[-1], left))).rstrip())
    return lines


def _shortened(path: str, width: int) -> str:
    """The name of the file tells more than its folders, and the beginning of the name more than its end."""
    if len(path) <= width:
        return path
    name = f"…/{Path(path).name}"
    return name if len(name) <= width else f"{name[: max(width - 1, 0)]}…"


def _recipe(recipe: Recipe, width: int) -> list[str]:
    settings = ",".join(f"{name}={value}" for name, value in recipe.knobs)
    return [
        f"  /{recipe.name}{_versions(recipe)}",
        *_wrapped(recipe.purpose, width, "      "),
        *_wrapped(settings, width, "      "),
    ]


def _knob(knob: Knob, width: int) -> list[str]:
    facts = [_values(knob), f"default {knob.default}" if knob.default else ""]
    heading = f"{knob.name}{_versions(knob)}: {', '.join(fact for fact in facts if fact)}"
    variable = f" [{knob.variable}]" if knob.variable != knob.name else ""
    return [*_wrapped(heading, width, "  "), *_wrapped(knob.effect + variable, width, "      ")]


def _values(knob: Knob) -> str:
    if knob.choices:
        return "|".join(knob.choices)
    return f"{knob.type.value} ({knob.unit})" if knob.unit else knob.type.value


def _versions(row: Knob | Recipe) -> str:
    bounds = [f"since {row.since}" if row.since else "", f"before {row.until}" if row.until else ""]
    text = ", ".join(bound for bound in bounds if bound)
    return f" ({text})" if text else ""


def _wrapped(text: str, width: int, indent: str) -> Iterable[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False)
