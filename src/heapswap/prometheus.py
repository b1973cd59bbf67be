"""heapswap's figures on prometheus-client (the extra ``prometheus``): a collector for one process, gauges for many.

One process answers its own scrapes: `register` once, and every scrape takes a snapshot. With several worker processes
behind one endpoint (gunicorn, a Celery pool; prometheus-client's multi-process mode) the worker that is scraped knows
nothing of the others: then each calls `publish` from time to time, and the figures appear with its ``pid``.

Figures that the allocator in force cannot give are absent, never 0.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from time import monotonic, thread_time

from heapswap.errors import Misuse
from heapswap.runtime.stats.model import Detail, Snapshot
from heapswap.runtime.stats.snapshot import stats

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Gauge
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"heapswap.prometheus needs {error.name}; install it with: pip install 'heapswap[prometheus]'", name=error.name
    ) from None

__all__ = ["HeapCollector", "publish", "register"]

SPARING = 100
"""A snapshot is taken anew after this many times the CPU time of the last one, so that scrapes cost 1 % of it at most.

It matters under glibc alone, which walks every free block: 100 ms in a heap of some GB that is full of holes.
"""

_INFO = "heapswap_allocator_info"
_INFO_HELP = "The allocator whose malloc answers in this process."
_INFO_LABELS = ("allocator", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One gauge: its name, what it is, and where it stands in a snapshot."""

    name: str
    help: str
    figure: str

    def value(self, snapshot: Snapshot) -> float | None:
        """The figure in base units; None where it cannot be given."""
        found = attrgetter(self.figure)(snapshot)
        if found is None:
            return None
        return float(len(found)) if isinstance(found, tuple) else float(found)


def _metric(name: str, figure: str, what: str) -> Metric:
    return Metric(name=f"heapswap_{name}", figure=figure, help=what)


METRICS = (
    _metric("heap_allocated_bytes", "allocated", "Bytes in blocks that the program holds, as the allocator counts."),
    _metric("heap_free_bytes", "free", "Bytes in no block that the allocator holds ready instead of giving them back."),
    _metric("heap_active_bytes", "active", "Bytes in pages that hold at least one block."),
    _metric("heap_resident_bytes", "resident", "Bytes in pages with memory behind them; an upper bound."),
    _metric("heap_mapped_bytes", "mapped", "Bytes of address space in use, with memory behind them or not."),
    _metric("heap_retained_bytes", "retained", "Bytes of address space kept for later without memory behind them."),
    _metric("heap_metadata_bytes", "metadata", "Bytes of the allocator's own data."),
    _metric("heap_arenas", "arenas", "Arenas of the allocator in use."),
    _metric("python_blocks", "python.blocks", "Live blocks of Python's own allocator."),
    _metric("python_arenas", "python.arenas", "Arenas of Python's own allocator."),
    _metric("python_mapped_bytes", "python.mapped", "Bytes in arenas of Python's own allocator."),
    _metric("python_allocated_bytes", "python.allocated", "Bytes in live blocks of Python's own allocator."),
    _metric("process_resident_bytes", "process.resident", "Resident set of the process."),
    _metric("process_proportional_bytes", "process.proportional", "Resident set, shared pages divided by their users."),
    _metric("process_anonymous_bytes", "process.anonymous", "Resident set that no file is behind."),
    _metric(
        "process_lazily_freed_bytes", "process.lazily_freed", "Resident bytes that the kernel may take at any time."
    ),
    _metric("snapshot_duration_seconds", "seconds", "What taking these figures took."),
)


@dataclass(slots=True)
class _Source:
    """Snapshots, at most so many that they cost a hundredth of the time."""

    detail: Detail
    last: Snapshot | None = None
    next: float = field(default=0.0)

    def fresh(self) -> Snapshot | None:
        """A new snapshot; None when it is too soon for one."""
        if monotonic() < self.next:
            return None
        began, first = thread_time(), self.last is None
        self.last = stats(self.detail)
        if not first:
            # The first one has to find the allocator's functions, which says nothing about those that follow.
            self.next = monotonic() + SPARING * (thread_time() - began)
        return self.last

    def latest(self) -> Snapshot:
        """A new snapshot, or the last one when it is too soon."""
        return self.fresh() or self.last or stats(self.detail)


class HeapCollector(Collector):
    """Takes a snapshot when it is scraped."""

    def __init__(self, detail: Detail = Detail.TOTALS) -> None:
        self._source = _Source(detail)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The names, so that a second registration is refused without a scrape."""
        yield GaugeMetricFamily(_INFO, _INFO_HELP)
        yield from (GaugeMetricFamily(metric.name, metric.help) for metric in METRICS)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures that there are."""
        snapshot = self._source.latest()
        info = GaugeMetricFamily(_INFO, _INFO_HELP, labels=_INFO_LABELS)
        info.add_metric((snapshot.allocator, snapshot.version), 1)
        yield info
        for metric in METRICS:
            value = metric.value(snapshot)
            if value is not None:
                yield GaugeMetricFamily(metric.name, metric.help, value=value)


def register(registry: CollectorRegistry = REGISTRY, detail: Detail | str = Detail.TOTALS) -> HeapCollector:
    """Answer every scrape of `registry` with the figures of this process, and return the collector.

    Raises:
        Misuse: prometheus-client is in its multi-process mode, in which one worker would answer for all.
        ValueError: the registry has these names already, or `detail` is none.
    """
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ or "prometheus_multiproc_dir" in os.environ:
        raise Misuse(
            "PROMETHEUS_MULTIPROC_DIR is set, so a scrape reaches one worker of several: "
            "call heapswap.prometheus.publish() in each worker from time to time instead of register()"
        )
    collector = HeapCollector(Detail(detail))
    registry.register(collector)
    return collector


_publishing: dict[Detail, _Source] = {}
_gauges: dict[str, Gauge] = {}


def publish(detail: Detail | str = Detail.TOTALS) -> bool:
    """Set the gauges of this process to its figures now; False when that was too soon after the last time.

    For the multi-process mode: call it in each worker where that has a moment, after a task or every few seconds. The
    gauges are in the default registry, each process's under its ``pid``, until the server's hook for ended workers has
    called prometheus-client's `mark_process_dead` (``multiprocess_mode="liveall"``).

    Raises:
        ValueError: the default registry has these names from `register`, or `detail` is none.
    """
    detail = Detail(detail)
    snapshot = _publishing.setdefault(detail, _Source(detail)).fresh()
    if snapshot is None:
        return False
    _gauge(_INFO, _INFO_HELP, _INFO_LABELS).labels(snapshot.allocator, snapshot.version).set(1)
    for metric in METRICS:
        value = metric.value(snapshot)
        if value is not None:
            _gauge(metric.name, metric.help).set(value)
    return True


def _gauge(name: str, what: str, labels: tuple[str, ...] = ()) -> Gauge:
    """Made when there is something to set it to: a gauge that exists is a 0 on the page."""
    if name not in _gauges:
        _gauges[name] = Gauge(name, what, labels, multiprocess_mode="liveall")
    return _gauges[name]
