"""The table, as text: one promise, its figure, held or not."""

import textwrap
from collections.abc import Sequence

from tests.acceptance.line import Row


def render(rows: Sequence[Row], width: int = 120) -> str:
    """All rows, grouped, and how many are held. The widest line has `width` columns."""
    promise, figure = (width - 12) * 45 // 100, (width - 12) * 55 // 100
    lines = [_columns("held", "promise", "figure", promise, figure)]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append(f"-- {group} ".ljust(width, "-"))
        lines.append(_columns("yes" if row.held else "NOT HELD", row.promise, row.figure, promise, figure))
    held = sum(row.held for row in rows)
    lines.append(f"{held} of {len(rows)} lines held")
    return "\n".join(lines)


def _columns(first: str, second: str, third: str, promise: int, figure: int) -> str:
    left, right = textwrap.wrap(second, promise) or [""], textwrap.wrap(third, figure) or [""]
    height = max(len(left), len(right))
    left += [""] * (height - len(left))
    right += [""] * (height - len(right))
    marks = [first] + [""] * (height - 1)
    return "\n".join(f"{mark:8}  {a:{promise}}  {b}".rstrip() for mark, a, b in zip(marks, left, right, strict=True))
