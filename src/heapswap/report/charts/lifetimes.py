"""How long blocks live, a bar a size class: the share of its blocks that is freed so soon, and that never was."""

from heapswap.profiling.model import Process
from heapswap.report.charts.colours import NEUTRAL, shades
from heapswap.report.charts.words import plain, rows
from heapswap.report.document.model import Chart
from heapswap.units import format_bytes, format_duration

AROUND = 90


def lifetime_chart(process: Process, title: str) -> tuple[Chart, ...]:
    """All sizes, then the size classes of which enough blocks were followed; nothing where none were."""
    told = [one for one in process.lifetimes if one.times]
    if not told:
        return ()
    whose = ["all sizes" if one.up_to is None else f"up to {format_bytes(one.up_to)}" for one in told]
    steps = sorted({step.below for one in told for step in one.times})
    shares = [[next((step.share for step in one.times if step.below == below), 0.0) for one in told] for below in steps]
    words = [f"freed within {format_duration(below)}" for below in steps]
    colours: list[dict[str, int]] = [{"shade": shade} for shade in shades(len(steps))]
    bars = [*zip(colours, words, shares, strict=True), (NEUTRAL, "not freed", [one.unfreed.value for one in told])]
    names = rows(whose)
    return (
        Chart(
            title=f"How long blocks of {title} live",
            says="Of the blocks of each size: the share that is freed within so long, and that was not freed at all.",
            traces=tuple(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": word,
                    **colour,
                    "x": [round(100 * value, 3) for value in values],
                    "y": list(range(len(told))),
                    "text": [
                        plain(f"{who}: {100 * value:.1f} % {word}") for who, value in zip(whose, values, strict=True)
                    ],
                    "textposition": "none",
                    "hoverinfo": "text",
                }
                for colour, word, values in bars
                if any(values)
            ),
            layout={
                "barmode": "stack",
                "xaxis": {"ticksuffix": " %", "range": [0, 100], "title": {"text": "of the blocks"}},
                "yaxis": names.axis,
            },
            height=AROUND + names.height,
        ),
    )
