"""A trace in every form that a report has: at a glance, by one thing, or event by event as Parquet."""

from pathlib import Path
from typing import IO, Any

import numpy as np

from heapswap import artifact
from heapswap.errors import CannotGoOn
from heapswap.report.data.csv import csv_text
from heapswap.report.data.parquet import parquet_bytes
from heapswap.report.data.tables import Frame
from heapswap.report.document.trace import query_document, trace_document
from heapswap.report.formats import Format
from heapswap.report.html.page import page
from heapswap.report.markdown import markdown
from heapswap.report.terminal import Colour
from heapswap.report.text import document_text
from heapswap.traces.events import FUNCTIONS, KINDS, NEVER_SEEN, NO_ALIGNMENT, events
from heapswap.traces.model import By, TraceQuery, TraceSummary
from heapswap.traces.trace import Trace


def trace_written(path: Path, by: By | None, format_: Format, *, width: int, colour: Colour = Colour.NEVER) -> bytes:
    """The report on a trace as the bytes of a file; events as Parquet are `write_events`.

    Raises:
        CannotGoOn: the trace cannot be read, or what a format needs is not installed.
    """
    trace = Trace.open(path)
    query = trace.by(by) if by is not None else None
    match format_:
        case Format.JSON:
            return artifact.encode(artifact.readable(query or trace.summary)) + b"\n"
        case Format.CSV:
            return csv_text(_frame(query or trace.summary)).encode()
        case Format.PARQUET:
            return parquet_bytes(_frame(query or trace.summary))
    found = trace_document(trace) if query is None else query_document(trace, query)
    match format_:
        case Format.HTML:
            text = page(found)
        case Format.MARKDOWN:
            text = markdown(found)
        case _:
            text = document_text(found, width=width, colour=colour)
    return text.encode(errors="replace")


def _frame(found: TraceQuery | TraceSummary) -> Frame:
    if isinstance(found, TraceSummary):
        fields = {name: getattr(found, name) for name in TraceSummary.__slots__ if name not in ("kind", "schema")}
        return Frame(name="summary", columns=tuple(fields), rows=(tuple(fields.values()),))
    columns = tuple(found.rows[0]) if found.rows else ("empty",)
    return Frame(name=found.by, columns=columns, rows=tuple(tuple(row[name] for name in columns) for row in found.rows))


def write_events(path: Path, out: IO[bytes]) -> None:
    """Every event of a trace as one Parquet file, in memory that does not depend on how many there are.

    Raises:
        CannotGoOn: pyarrow is not installed, or the trace cannot be read.
    """
    try:
        import pyarrow  # noqa: PLC0415 - not everybody has it
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise CannotGoOn(
            "Parquet needs pyarrow, which is not installed; run: pip install 'heapswap[parquet]', or ask with --by"
        ) from None
    words = pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
    types = {
        "event": pyarrow.uint64(),
        "time_ns": pyarrow.uint64(),
        "process": pyarrow.uint32(),
        "thread": pyarrow.uint32(),
        "kind": words,
        "function": words,
        "block": pyarrow.uint64(),
        "size": pyarrow.uint64(),
        "alignment": pyarrow.uint64(),
        "caller": pyarrow.uint64(),
        "allocation": pyarrow.uint64(),
    }
    with parquet.ParquetWriter(out, pyarrow.schema(types.items()), compression="zstd") as writer:
        for rows in events(path):
            columns = {
                **{name: rows[name] for name in ("event", "time_ns", "process", "thread", "block", "size")},
                "kind": pyarrow.DictionaryArray.from_arrays(rows["kind"].astype(np.int8), KINDS),
                "function": pyarrow.DictionaryArray.from_arrays(rows["function"].astype(np.int8), FUNCTIONS),
                "alignment": _known(
                    pyarrow,
                    np.left_shift(np.uint64(1), rows["log2_alignment"] & 63),
                    rows["log2_alignment"] != NO_ALIGNMENT,
                ),
                "caller": _known(pyarrow, rows["caller"], rows["caller"] != 0),
                "allocation": _known(pyarrow, rows["allocation"], rows["allocation"] != NEVER_SEEN),
            }
            arrays = [
                pyarrow.array(columns[name]) if isinstance(columns[name], np.ndarray) else columns[name]
                for name in types
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=writer.schema))


def _known(pyarrow: Any, values: Any, known: Any) -> Any:
    return pyarrow.array(np.ascontiguousarray(values), mask=~known)
