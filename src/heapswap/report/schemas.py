"""The published JSON Schema of every artifact, made from the types that read it."""

from typing import Any

import msgspec

from heapswap.report.comparison import model as comparison
from heapswap.report.comparison.model import Comparison
from heapswap.report.reading import KINDS
from heapswap.traces import model as traces
from heapswap.traces.model import TraceQuery, TraceSummary

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_ANSWERS: dict[str, tuple[type, int]] = {
    comparison.KIND: (Comparison, comparison.SCHEMA),
    traces.SUMMARY: (TraceSummary, traces.SCHEMA),
    traces.QUERY: (TraceQuery, traces.SCHEMA),
}
"""what is printed and not read again"""


def kinds() -> tuple[str, ...]:
    """Everything that has a schema."""
    return (*KINDS, *_ANSWERS)


def schema(kind: str) -> dict[str, Any]:
    """The schema of one kind. Other fields are allowed: a newer heapswap may add some to the same schema."""
    type_, newest = _ANSWERS.get(kind) or KINDS[kind]
    (found,), components = msgspec.json.schema_components([type_], ref_template="#/$defs/{name}")
    top = components[type_.__name__]
    top["properties"]["kind"] = {"const": kind}
    top["properties"]["schema"] = {"type": "integer", "minimum": 1, "maximum": newest}
    top["required"] = ["kind", "schema", *top["required"]]
    return {"$schema": DRAFT, "title": f"heapswap {kind}", **found, "$defs": dict(sorted(components.items()))}


def schema_text(kind: str) -> str:
    """The schema as the file that is published."""
    return msgspec.json.format(msgspec.json.encode(schema(kind), order="sorted"), indent=1).decode() + "\n"
