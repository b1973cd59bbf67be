"""Candidates that were left out, and why."""

from collections.abc import Sequence

from heapswap.report.document.model import Block, Table, left, named, said
from heapswap.verdict.model import NotTried


def not_tried(candidates: Sequence[NotTried]) -> tuple[Block, ...]:
    """A row each; nothing where all were tried."""
    if not candidates:
        return ()
    rows = tuple((named(one.candidate), said(one.reason)) for one in candidates)
    return (Table(caption="Candidates that were not run", columns=left("candidate", "reason"), rows=rows),)
