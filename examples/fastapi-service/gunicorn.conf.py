"""Two workers; what an ended one has published goes with it."""

from typing import Any

from prometheus_client.multiprocess import mark_process_dead

workers = 2
worker_class = "asgi"


def child_exit(_: Any, worker: Any) -> None:
    """A worker has ended."""
    mark_process_dead(worker.pid)
