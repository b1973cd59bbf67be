"""What appears on a metrics page, and how often figures are taken for it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import heapswap
from heapswap import prometheus
from heapswap.errors import Misuse
from heapswap.prometheus import METRICS, SPARING
from heapswap.runtime.stats.model import Detail


def page(detail: Detail = Detail.TOTALS) -> dict[str, float]:
    """The samples of a registry that has heapswap's collector alone."""
    registry = CollectorRegistry()
    prometheus.register(registry, detail)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


@pytest.mark.parametrize("detail", list(Detail))
def test_the_figures_that_there_are_appear_and_no_others(detail: Detail) -> None:
    shown, taken = page(detail), heapswap.stats(detail)
    given = {metric.name for metric in METRICS if metric.value(taken) is not None}
    assert set(shown) == given | {"heapswap_allocator_info"}
    assert shown["heapswap_process_resident_bytes"] == pytest.approx(taken.process.resident, rel=0.5)


def test_names_follow_the_conventions() -> None:
    """Base units at the end, no colon, no upper case; and a sentence each."""
    for metric in METRICS:
        assert re.fullmatch(r"heapswap_[a-z_]+", metric.name)
        counted = metric.name.endswith(("_arenas", "_blocks"))
        assert counted or metric.name.endswith(("_bytes", "_seconds"))
        assert re.fullmatch(r"[A-Z].*\.", metric.help)
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_a_second_registration_is_refused() -> None:
    registry = CollectorRegistry()
    prometheus.register(registry)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        prometheus.register(registry)


def test_one_worker_of_several_does_not_answer_for_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with pytest.raises(Misuse, match=r"call heapswap\.prometheus\.publish\(\) in each worker"):
        prometheus.register(CollectorRegistry())


def test_expensive_figures_are_taken_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot of 0.1 s of CPU time is taken again after 10 s; what the first one takes is no measure."""
    now, spent, snapshot = 1000.0, 0.0, heapswap.stats()
    taken: list[float] = []

    def stats(_: Detail) -> object:
        nonlocal spent
        spent += 0.1 if taken else 5.0
        taken.append(now)
        return snapshot

    monkeypatch.setattr("heapswap.prometheus.stats", stats)
    monkeypatch.setattr("heapswap.prometheus.monotonic", lambda: now)
    monkeypatch.setattr("heapswap.prometheus.thread_time", lambda: spent)
    registry = CollectorRegistry()
    prometheus.register(registry)
    for second in range(23):
        now = 1000.0 + second
        assert b"heapswap_process_resident_bytes " in generate_latest(registry)
    assert taken == [1000.0, 1001.0, 1001.0 + 0.1 * SPARING, 1001.0 + 0.2 * SPARING]


PUBLISHING = """
import os
from heapswap import prometheus
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

reading, writing = os.pipe()
child = os.fork()
prometheus.publish()
if not child:
    os.write(writing, b".")
    os._exit(0)
os.read(reading, 1)
os.waitpid(child, 0)

def page():
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry).decode()

both = page()
mark_process_dead(child)
print(all(f'heapswap_process_resident_bytes{{pid="{pid}"}}' in both for pid in (child, os.getpid())))
print(f'pid="{child}"' not in page())
print("heapswap_heap_active_bytes" not in both)
"""


def test_every_process_publishes_under_its_pid_and_leaves_when_it_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PUBLISHING],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "True", "True"]


def test_the_module_is_there_without_an_import_of_its_own() -> None:
    program = "import heapswap; print(heapswap.prometheus.register.__name__, 'prometheus' in dir(heapswap))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "register True\n"


def test_what_is_not_installed_is_named_with_the_remedy() -> None:
    program = "import sys; sys.modules['prometheus_client'] = None; import heapswap.prometheus"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs prometheus_client; install it with: pip install 'heapswap[prometheus]'" in done.stderr
