"""A table as Parquet, each column with its type, every value as it was saved."""

from io import BytesIO

from heapswap.errors import CannotGoOn
from heapswap.report.data.tables import Frame


def parquet_bytes(frame: Frame) -> bytes:
    """The whole file.

    Raises:
        CannotGoOn: pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: PLC0415 - not everybody has it
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise CannotGoOn(
            "Parquet needs pyarrow, which is not installed; run: pip install 'heapswap[parquet]', or use --csv"
        ) from None
    columns = {name: [row[place] for row in frame.rows] for place, name in enumerate(frame.columns)}
    buffer = BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()
