"""A document as one page: style, figures, Plotly and script are in it, and it may load nothing."""

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from heapswap import __version__
from heapswap.errors import CannotGoOn
from heapswap.report.document.model import Chart, Charts, Document, charts_of
from heapswap.report.findings import gravest_first
from heapswap.report.lines import printable
from heapswap.report.shellwords import one_line

if TYPE_CHECKING:
    from jinja2 import Environment

NEEDS = "a page needs {}, which is not installed; run: pip install 'heapswap[report]'"
_FOLDER = resources.files("heapswap.report.html")


def page(document: Document) -> str:
    """The whole page.

    Raises:
        CannotGoOn: Jinja2 or Plotly is not installed.
    """
    environment = _environment()
    from markupsafe import Markup  # noqa: PLC0415 - comes with Jinja2, which not everybody has

    charts = charts_of(document)
    plotly, script = (_plotly(), _text("page.js")) if charts else ("", "")
    numbers = _first_figures(document)
    # What is marked as safe is heapswap's own, Plotly's, or JSON without a sign that HTML knows.
    return environment.get_template("page.html.jinja").render(
        document=document,
        first_figure=lambda block: numbers.get(id(block), 0),
        version=__version__,
        policy=_policy((plotly, script)),
        style=Markup(_text("page.css")),
        drawn=bool(charts),
        figures=Markup(_figures(charts)),
        plotly=Markup(plotly),
        script=Markup(script),
    )


def fragment(document: Document) -> str:
    """The document without charts or script, for a notebook's cell: the answer and every table.

    Raises:
        CannotGoOn: Jinja2 is not installed.
    """
    return _environment().get_template("fragment.html.jinja").render(document=document)


@cache
def _environment() -> "Environment":
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - not everybody has it
    except ImportError:
        raise CannotGoOn(NEEDS.format("Jinja2")) from None
    environment = Environment(
        loader=PackageLoader("heapswap.report.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["shown"] = _shown
    environment.filters["command"] = lambda step: one_line(step.words, step.stdin)
    environment.filters["gravest_first"] = gravest_first
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment


def _shown(text: str) -> str:
    """Line breaks stay what they are; other control characters become escapes."""
    return "\n".join(map(printable, str(text).split("\n")))


def _first_figures(document: Document) -> dict[int, int]:
    """The number of the first figure of each block that has any, by the block's identity."""
    first: dict[int, int] = {}
    number = 0
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Charts):
                first[id(block)] = number
                number += len(block.charts)
    return first


def _figures(charts: Iterable[Chart]) -> str:
    rows = [{"traces": chart.traces, "layout": chart.layout, "height": chart.height} for chart in charts]
    return _harmless(msgspec.json.encode(rows).decode())


def _harmless(json: str) -> str:
    """JSON that no HTML parser takes for the end of its script, or the beginning of a comment."""
    return json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(scripts: Iterable[str]) -> str:
    """Nothing is loaded, and no script runs but these."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts if script]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes) or "'none'"
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'"


def _plotly() -> str:
    """Plotly's script, as the installed package has it."""
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415 - not everybody has it
    except ImportError:
        raise CannotGoOn(NEEDS.format("Plotly")) from None
    script: str = get_plotlyjs()
    # The browser counts line ends as one character each, and the policy is about what the browser sees.
    return script.replace("\r\n", "\n").replace("\r", "\n")


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
