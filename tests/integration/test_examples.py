"""The examples, started as their READMEs say, and scraped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.samples import Sample

from heapswap import native
from tests.integration.services import fetched, free_port, running, scraped

ROOT = Path(__file__).parents[2]
SERVICE, WORKER = ROOT / "examples" / "fastapi-service", ROOT / "examples" / "celery-worker"
SCRIPTS = Path(sys.executable).parent


def processes(samples: list[Sample]) -> set[str]:
    """Those that have published their resident set."""
    return {sample.labels["pid"] for sample in samples if sample.name == "heapswap_process_resident_bytes"}


def values(samples: list[Sample]) -> dict[str, float]:
    return {sample.name: sample.value for sample in samples}


def allocators(samples: list[Sample]) -> set[str]:
    return {sample.labels["allocator"] for sample in samples if sample.name == "heapswap_allocator_info"}


@pytest.mark.parametrize("allocator", ["glibc", "jemalloc"])
def test_a_fastapi_service_shows_its_memory(allocator: str, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    preload = {} if allocator == "glibc" else {"LD_PRELOAD": str(native.bundled(allocator))}
    with running([str(SCRIPTS / "uvicorn"), "service:app", "--port", str(port)], SERVICE, log, preload):
        page = f"http://127.0.0.1:{port}"
        before = scraped(f"{page}/metrics", bool, log)
        assert allocators(before) == {allocator}
        assert json.loads(fetched(f"{page}/report/20000"))["rows"] == 20000
        after = values(scraped(f"{page}/metrics", bool, log))
        assert 0 < after["heapswap_heap_allocated_bytes"] <= after["heapswap_heap_mapped_bytes"]
        assert after["heapswap_heap_allocated_bytes"] < after["heapswap_process_resident_bytes"]
        # What an allocator cannot give is not on the page.
        assert ("heapswap_heap_active_bytes" in after) == (allocator == "jemalloc")
        released = json.loads(fetched(f"{page}/release", b""))
        assert released["allocator"] == allocator
        assert released["how"]


def test_workers_behind_one_port_are_all_on_the_page(tmp_path: Path) -> None:
    port, log, metrics = free_port(), tmp_path / "log", tmp_path / "metrics"
    metrics.mkdir()
    argv = [str(SCRIPTS / "gunicorn"), "--bind", f"127.0.0.1:{port}", "service:app"]
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(metrics), "HOME": str(tmp_path)}
    with running(argv, SERVICE, log, variables) as master:
        samples = scraped(f"http://127.0.0.1:{port}/metrics", lambda seen: len(processes(seen)) == 2, log)
        assert str(master.pid) not in processes(samples)
        assert allocators(samples) == {"glibc"}


def test_every_process_of_a_celery_pool_is_on_the_page(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    variables = {
        "WORKER_FOLDER": str(tmp_path / "worker"),
        "METRICS_PORT": str(port),
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        "LD_PRELOAD": str(native.bundled("jemalloc")),
    }
    argv = [str(SCRIPTS / "celery"), "-A", "tasks", "worker", "--concurrency", "2", "--loglevel", "warning"]
    with running(argv, WORKER, log, variables) as main:
        page = f"http://127.0.0.1:{port}/metrics"
        samples = scraped(page, lambda seen: len(processes(seen)) == 2, log)
        assert str(main.pid) not in processes(samples)
        assert allocators(samples) == {"jemalloc"}
        before = {sample.labels["pid"]: sample.value for sample in samples if sample.name == "heapswap_python_blocks"}
        send = [sys.executable, "-c", "import tasks\nfor _ in range(6): tasks.report.delay(2000)"]
        subprocess.run(send, cwd=WORKER, env={**os.environ, **variables}, check=True)

        def published_after_a_task(seen: list[Sample]) -> bool:
            blocks = {one.labels["pid"]: one.value for one in seen if one.name == "heapswap_python_blocks"}
            return any(before.get(pid) != value for pid, value in blocks.items())

        scraped(page, published_after_a_task, log)
