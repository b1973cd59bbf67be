"""A service that builds large answers and keeps little, with its memory on the metrics page.

One process (``uvicorn service:app``) takes its figures when it is scraped. Several workers behind one port
(``gunicorn``, with PROMETHEUS_MULTIPROC_DIR set) publish theirs, because a scrape reaches only one of them.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

import heapswap
from heapswap import prometheus

SEVERAL_WORKERS = "PROMETHEUS_MULTIPROC_DIR" in os.environ
PUBLISH_EVERY = 5.0
"""seconds"""

if not SEVERAL_WORKERS:
    prometheus.register()


async def keep_publishing() -> None:
    """In each worker, as long as it lives."""
    while True:
        prometheus.publish()
        await asyncio.sleep(PUBLISH_EVERY)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Publish from start to end where there are several workers."""
    task = asyncio.create_task(keep_publishing()) if SEVERAL_WORKERS else None
    yield
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


app = FastAPI(lifespan=lifespan)


@app.get("/report/{rows}")
def report(rows: int) -> dict[str, int]:
    """Build a table of text, answer its size, drop it."""
    table = [{"row": str(row), "text": "lorem ipsum " * (row % 20)} for row in range(rows)]
    return {"rows": len(table), "characters": sum(len(entry["text"]) for entry in table)}


@app.get("/metrics")
def metrics() -> Response:
    """What Prometheus scrapes."""
    registry: CollectorRegistry = REGISTRY
    if SEVERAL_WORKERS:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@app.post("/release")
def release() -> dict[str, int | str | None]:
    """Give free memory back: for after a burst, by hand or from a timer. Reachable from inside only, please."""
    done = heapswap.release()
    return {"allocator": done.allocator, "how": done.how, "moved": done.moved}
