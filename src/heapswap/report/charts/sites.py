"""Allocation sites as an icicle: each call stack from its outermost frame, as wide as what it asked for."""

from collections.abc import Mapping

from heapswap.report.charts.words import plain
from heapswap.report.document.model import Chart

HEIGHT = 560
MOST = 2000
"""frames drawn; the lightest stacks are added up as one"""
REST = "all other stacks"


def icicle(folded: Mapping[tuple[str, ...], float], title: str, unit: str) -> tuple[Chart, ...]:
    """Call stacks, outermost frame first, with the weight of each; nothing where there is none.

    Each frame is a node under the frames that called it, and holds what it and all below it weigh.
    """
    weights: dict[tuple[str, ...], float] = {}
    for stack, weight in sorted(folded.items(), key=lambda one: -one[1]):
        inside = stack if len(weights) + len(stack) <= MOST else (REST,)
        for depth in range(1, len(inside) + 1):
            weights[inside[:depth]] = weights.get(inside[:depth], 0.0) + weight
    if not weights:
        return ()
    number = {path: str(place) for place, path in enumerate(weights)}
    whole = sum(weight for path, weight in weights.items() if len(path) == 1)
    return (
        Chart(
            title=title,
            says=f"Call stacks from the outermost frame down, as wide as their share of {unit}.",
            traces=(
                {
                    "type": "icicle",
                    "ids": list(number.values()),
                    "labels": [plain(path[-1]) for path in weights],
                    "parents": [number.get(path[:-1], "") for path in weights],
                    "values": list(weights.values()),
                    "branchvalues": "total",
                    "tiling": {"orientation": "v"},
                    "text": [
                        plain(f"{path[-1]}: {100 * weight / whole:.1f} % of {unit}") if whole else plain(path[-1])
                        for path, weight in weights.items()
                    ],
                    "textinfo": "label",
                    "hoverinfo": "text",
                    "maxdepth": 24,
                },
            ),
            layout={"margin": {"l": 0, "r": 0, "t": 8, "b": 8}},
            height=HEIGHT,
        ),
    )
