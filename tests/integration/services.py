"""Servers under test: a port of their own, an end, and a page that is read until it says what is waited for."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

PATIENCE = 60.0
"""seconds a loaded machine may take; no test waits longer than it has to"""


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    argv: Sequence[str], folder: Path, log: Path, environ: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A server in a folder, ended as its operator would end it; what it said goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(argv, cwd=folder, env={**os.environ, **environ}, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def fetched(url: str, data: bytes | None = None) -> str:
    """The body of a page."""
    with urllib.request.urlopen(url, data=data, timeout=PATIENCE) as answer:
        text: str = answer.read().decode()
        return text


def scraped(url: str, enough: Callable[[list[Sample]], bool], log: Path) -> list[Sample]:
    """heapswap's samples on a metrics page, once they are enough."""
    end = time.monotonic() + PATIENCE
    samples: list[Sample] = []
    while time.monotonic() < end:
        try:
            families = text_string_to_metric_families(fetched(url))
            samples = [sample for family in families for sample in family.samples if sample.name.startswith("heapswap")]
        except (urllib.error.URLError, ConnectionError):
            samples = []
        if enough(samples):
            return samples
        time.sleep(0.05)
    raise AssertionError(f"{url} did not come to say what is needed: {samples}\n{log.read_text()}")
