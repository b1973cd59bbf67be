"""Waiting until a service takes requests."""

import contextlib
import re
import shlex
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from heapswap.filling import filled
from heapswap.trials.model import Outcome
from heapswap.trials.services.ports import HOST
from heapswap.trials.services.trees import Failure, Helper, Over, Tree
from heapswap.units import format_duration
from heapswap.workload import Ready

BETWEEN = 0.02
"""seconds between two questions"""
ANSWER = 2.0
"""seconds that one answer may take"""
WHEN = "before it was ready"


def wait_until_ready(
    ready: Ready, service: Tree, helper: Helper, values: dict[str, str], logs: tuple[Path, ...]
) -> None:
    """Ask again and again until the service is ready.

    Raises:
        Over: it ended, or was not ready in time.
    """
    until = monotonic() + ready.timeout
    is_ready, what = _question(ready, service, helper, values, logs)
    while not is_ready(max(until - monotonic(), BETWEEN)):
        service.must_run(WHEN, BETWEEN)
        if monotonic() >= until:
            raise Over(
                Failure(
                    outcome=Outcome.TIMED_OUT,
                    code="service-not-ready",
                    seen=f"the service was not ready within {format_duration(ready.timeout)}: {what}",
                    remedy="see its log; a slow start needs a longer timeout of ready",
                )
            )
    service.must_run(WHEN)


def _question(
    ready: Ready, service: Tree, helper: Helper, values: dict[str, str], logs: tuple[Path, ...]
) -> tuple[Callable[[float], bool], str]:
    """What is asked, with the seconds left, and what it means that the answer is no."""
    if ready.url:
        url = filled(ready.url, values)
        return (
            lambda left: _answers(url, min(left, ANSWER))
        ), f"{url.partition('?')[0]} did not answer below status 400"
    if ready.log:
        pattern = re.compile(ready.log, re.MULTILINE)
        return (lambda _: any(_matches(pattern, log) for log in logs)), f"'{ready.log}' is not in its output"
    if ready.command:
        words = [filled(word, values) for word in shlex.split(ready.command)]

        def succeeds(left: float) -> bool:
            ended = helper.run(words, "ready", left, service, WHEN).ended
            return ended.exit == 0 and not ended.timed_out

        return succeeds, f"{words[0]} did not succeed"
    host, _, port = filled(ready.tcp or f"{HOST}:{{port}}", values).rpartition(":")
    place = host.strip("[]") or HOST, int(port)
    return (lambda left: _connects(place, min(left, ANSWER))), f"{host}:{port} accepted no connection"


def _answers(url: str, patience: float) -> bool:
    # Nothing of a proxy that the environment names: the service is here.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError, ValueError), opener.open(url, timeout=patience) as answer:
        return int(answer.status) < 400
    return False


def _connects(place: tuple[str, int], patience: float) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(place, timeout=patience):
        return True
    return False


def _matches(pattern: re.Pattern[str], log: Path) -> bool:
    return log.is_file() and pattern.search(log.read_text(encoding="utf-8", errors="replace")) is not None
