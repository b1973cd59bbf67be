"""Version numbers of allocators, compared by their parts: ``2.0.9`` is of line ``2`` and of line ``2.0``."""

from heapswap.allocators.model import Knob, Recipe


def parts(version: str) -> tuple[int, ...]:
    """``5.3.0`` as (5, 3, 0); what follows the numbers is left out."""
    numbers = []
    for part in version.split("."):
        digits = part[: next((at for at, character in enumerate(part) if not character.isdigit()), len(part))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


def belongs(version: str, line: str) -> bool:
    """Whether a version is of the line that was asked for; an empty line takes any."""
    asked = parts(line)
    return parts(version)[: len(asked)] == asked


def covers(row: Knob | Recipe, version: str) -> bool:
    """Whether a row of a table holds for this version.

    A version may be known in part (``2.2`` from a file name) or not at all: the row then holds when it may hold.
    """
    number = parts(version)
    since, until = parts(row.since), parts(row.until)
    lowest = number + (0,) * (len(until) - len(number))
    return number >= since[: len(number)] and (not until or lowest < until)
