"""A saved artifact for Python programs and notebooks: `heapswap.load`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heapswap.errors import CannotGoOn
from heapswap.report.charts.notebook import figures
from heapswap.report.comparison.make import compare
from heapswap.report.comparison.model import Comparison
from heapswap.report.data.tables import frame, tables_of
from heapswap.report.document.comparison import comparison_document
from heapswap.report.document.make import document
from heapswap.report.document.model import Document
from heapswap.report.html.page import fragment, page
from heapswap.report.markdown import markdown
from heapswap.report.reading import Artifact, read

if TYPE_CHECKING:
    from pandas import DataFrame
    from plotly.graph_objects import Figure


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Result:
    """One artifact, or what changed between two. A notebook shows it as its answer and its tables."""

    artifact: Artifact | Comparison
    """the values as they were saved: a `Trial`, `Verdict`, `Profile`, `Conformance`, `Prediction` or `Comparison`"""
    place: Path | None = None

    @property
    def kind(self) -> str:
        """``trial``, ``verdict``, ``profile``, ``conformance``, ``prediction`` or ``comparison``."""
        return self.artifact.kind

    @property
    def answer(self) -> str:
        """The answer in one sentence."""
        return self._document().answer

    @property
    def tables(self) -> tuple[str, ...]:
        """The names that `to_dataframe` takes, the first as its default."""
        return tables_of(self.artifact)

    def to_dataframe(self, table: str = "") -> "DataFrame":
        """One table as a pandas data frame, a row a thing and nothing rounded; without a name the first of `tables`.

        Raises:
            Misuse: there is no such table.
            CannotGoOn: pandas is not installed.
        """
        try:
            from pandas import DataFrame  # noqa: PLC0415 - not everybody has it
        except ImportError:
            raise CannotGoOn("a data frame needs pandas, which is not installed; run: pip install pandas") from None
        found = frame(self.artifact, table)
        return DataFrame(list(found.rows), columns=list(found.columns))

    def to_figures(self) -> "list[Figure]":
        """The report's charts as Plotly figures, which a notebook draws; none where it has no charts.

        Raises:
            CannotGoOn: Plotly is not installed.
        """
        return figures(self._document())

    def to_html(self) -> str:
        """The report as one self-contained page.

        Raises:
            CannotGoOn: what it needs is not installed.
        """
        return page(self._document())

    def to_markdown(self) -> str:
        """The report as Markdown, for a pull request."""
        return markdown(self._document())

    def compare(self, old: "Result") -> "Result":
        """What changed from an older artifact of the same kind to this one.

        Raises:
            Misuse: they are of different kinds, or one is a comparison itself.
        """
        return Result(artifact=compare(self.artifact, old.artifact))

    def _document(self) -> Document:
        found = self.artifact
        return comparison_document(found) if isinstance(found, Comparison) else document(found, self.place)

    def _repr_html_(self) -> str:
        return fragment(self._document())

    def __repr__(self) -> str:
        return f"<heapswap {self.kind}: {self.answer}>"


def load(path: str | os.PathLike[str]) -> Result:
    """A file that heapswap saved, or a results folder.

    Raises:
        CannotGoOn: nothing there, no artifact, damaged, or from a newer heapswap.
    """
    place = Path(path)
    return Result(artifact=read(place), place=place)
