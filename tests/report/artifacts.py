"""One artifact of every kind as it was saved by the first schema, and what a hostile one is made of."""

from pathlib import Path

from heapswap.report.reading import Artifact, read

TESTS = Path(__file__).parents[1]
SAVED = {
    "trial": TESTS / "trials/golden/trial-1.json",
    "verdict": TESTS / "cli/golden/verdict-1.json",
    "profile": TESTS / "profiling/golden/profile-1.json",
    "conformance": TESTS / "report/golden/conformance-1.json",
    "prediction": TESTS / "report/golden/prediction-1.json",
}

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "</script><!--<script>",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    '=HYPERLINK("http://evil")|a||b\n- list\n# head',
    "`code` ``x`` *bold* _it_ [l](http://evil) ![i](x) ~~s~~ $x$ &amp; :smile: @somebody",
    "\u202eevil\u202c \u200f\u05d0\u05d1\u05d2",
    "\U0001f469\u200d\U0001f4bb\U0001f600 caf\u00e9",
    "long " * 2000,
    "x" * 10_000,
    "'\"{{ 7*7 }}{% raw %}%{text}\\",
    "| a | b |\r\n",
    "",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
)


def saved(kind: str) -> Artifact:
    """The artifact of a kind."""
    return read(SAVED[kind])
