"""A table as CSV (RFC 4180, UTF-8): no cell of words is taken for a formula, or for an escape of a terminal."""

import csv
from io import StringIO

from heapswap.report.data.tables import Frame, Value
from heapswap.report.lines import printable

_FORMULA = ("=", "+", "-", "@")
"""what a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection")"""


def csv_text(frame: Frame) -> str:
    """The table with its head. Not known is an empty cell; words that would be a formula begin with an apostrophe."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(map(_words, frame.columns))
    writer.writerows([_cell(value) for value in row] for row in frame.rows)
    return out.getvalue()


def _cell(value: Value) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, int | float) else _words(value)


def _words(text: str) -> str:
    shown = printable(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
