"""Charts as Plotly's own figures, for whoever works with them: a notebook that knows Plotly draws them by itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from heapswap.errors import CannotGoOn
from heapswap.report.charts.colours import SHADES
from heapswap.report.charts.words import plain
from heapswap.report.document.model import Chart, Document, charts_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def figures(document: Document) -> "list[Figure]":
    """Every chart of a document in its order, each with its title, in Plotly's own colours.

    Raises:
        CannotGoOn: Plotly is not installed.
    """
    try:
        from plotly.graph_objects import Figure  # noqa: PLC0415 - not everybody has it
    except ImportError:
        raise CannotGoOn("figures need Plotly, which is not installed; run: pip install 'heapswap[report]'") from None
    return [
        Figure(data=[_traced(trace) for trace in chart.traces], layout=_laid_out(chart))
        for chart in charts_of(document)
    ]


def _traced(trace: Mapping[str, object]) -> dict[str, object]:
    """What the page colours by a number has the colour of that number."""
    drawn = {name: value for name, value in trace.items() if name not in {"hue", "shade"}}
    if colour := _colour(trace):
        marker = drawn.get("marker")
        drawn["marker"] = {**(marker if isinstance(marker, Mapping) else {}), "color": colour}
        if drawn.get("type") == "scatter":
            line = drawn.get("line")
            drawn["line"] = {**(line if isinstance(line, Mapping) else {}), "color": colour}
    return drawn


def _colour(trace: Mapping[str, object]) -> str | None:
    from plotly.colors import qualitative, sample_colorscale  # noqa: PLC0415 - as above

    match trace:
        case {"shade": int() as shade}:
            (colour,) = sample_colorscale("Viridis", [1 - shade / (SHADES - 1)])
            return str(colour)
        case {"hue": int() as hue}:
            return str(qualitative.Plotly[hue % len(qualitative.Plotly)])
    return None


def _laid_out(chart: Chart) -> dict[str, object]:
    """With room for a title above, which the page has beside it."""
    return {**chart.layout, "title": {"text": plain(chart.title)}, "height": chart.height + 120}
