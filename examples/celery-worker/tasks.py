"""A Celery worker whose pool processes put their memory on one metrics page.

Messages go through a folder, so that nothing but Celery has to run; give BROKER for a real one. The pool's processes
publish after each task, and the worker's main process, which runs none, serves the page.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("WORKER_FOLDER", Path(tempfile.gettempdir()) / "heapswap-celery-worker"))
PORT = int(os.environ.get("METRICS_PORT", "9808"))

# Read by prometheus-client when it is imported, so it is set before.
METRICS = Path(os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(FOLDER / "metrics")))
for folder in (FOLDER / "messages", FOLDER / "control", METRICS):
    folder.mkdir(parents=True, exist_ok=True)

from celery import Celery, signals  # noqa: E402
from prometheus_client import CollectorRegistry, start_http_server  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # noqa: E402

from heapswap import prometheus  # noqa: E402

app = Celery("tasks", broker=os.environ.get("BROKER", "filesystem://"))
if "BROKER" not in os.environ:
    app.conf.broker_transport_options = {
        "data_folder_in": str(FOLDER / "messages"),
        "data_folder_out": str(FOLDER / "messages"),
        "control_folder": str(FOLDER / "control"),
    }


@app.task
def report(rows: int) -> int:
    """Build a table of text, answer its size, drop it."""
    table = [{"row": str(row), "text": "lorem ipsum " * (row % 20)} for row in range(rows)]
    return sum(len(entry["text"]) for entry in table)


@signals.worker_init.connect
def forget_the_last_run(**_: Any) -> None:
    """The files of processes that are no more would stay on the page."""
    for file in METRICS.glob("*.db"):
        file.unlink()


@signals.worker_ready.connect
def serve(**_: Any) -> None:
    """In the main process, once its pool runs."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    start_http_server(PORT, addr="127.0.0.1", registry=registry)


@signals.worker_process_init.connect
@signals.task_postrun.connect
def publish(**_: Any) -> None:
    """In a pool process, when it begins and after each task."""
    prometheus.publish()


@signals.worker_process_shutdown.connect
def leave(pid: int, **_: Any) -> None:
    """A pool process ends: so do its figures."""
    mark_process_dead(pid)
