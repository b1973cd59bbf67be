"""``workload.toml``: what it may say, and the one line about what it may not."""

import contextlib
import os
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.errors import CannotGoOn, Misuse
from heapswap.workload import Direction, Level, Metric, Reader, Ready, Service, Stop
from heapswap.workload_file import ALLOWED, load, of_program, workload

LEAST = {"start": "serve {port}", "load": "hit {port}"}


def test_the_least_that_can_be_said(tmp_path: Path) -> None:
    found = workload(LEAST, "w", tmp_path)
    assert (found.argv, found.directory, found.service) == (
        ("serve", "{port}"),
        os.path.realpath(tmp_path),
        Service(load=("hit", "{port}")),
    )


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    file = tmp_path / "workload.toml"
    file.write_text(
        """
        start = ["serve", "a b", "{port}", "{folder}"]
        load = "wrk2 -c {concurrency} -R {rate} -d '{duration}s' http://127.0.0.1:{port}/"
        concurrency = [1, 2, 4]
        rate = 50
        duration = "1m"
        warmup = 0
        rest = 2.5
        cycles = 3
        directory = "below"
        setup = "one"
        prepare = "two {folder}"
        cleanup = "three"
        timeout = "90s"
        success = [0, 1]
        [ready]
        url = "http://127.0.0.1:{port}/health"
        timeout = 5
        [stop]
        signal = "SIGINT"
        grace = 3
        [[metrics]]
        name = "hits"
        pattern = "hits=([0-9]+)"
        direction = "more"
        [[metrics]]
        name = "latency_p999"
        path = "latency.percentiles.3"
        [[metrics]]
        name = "throughput"
        path = "rps"
        """
    )
    found = load(file)
    assert found.directory == os.path.realpath(tmp_path / "below")
    assert (found.setup, found.prepare, found.cleanup) == ("one", "two {folder}", "three")
    assert (found.timeout, found.accepted) == (90.0, (0, 1))
    assert found.metrics == (
        Metric(name="hits", pattern="hits=([0-9]+)", direction=Direction.MORE),
        Metric(name="latency_p999", path="latency.percentiles.3", unit="ms"),
        Metric(name="throughput", path="rps", unit="1/s", direction=Direction.MORE),
    )
    assert found.service == Service(
        load=("wrk2", "-c", "{concurrency}", "-R", "{rate}", "-d", "{duration}s", "http://127.0.0.1:{port}/"),
        reader=Reader.WRK,
        levels=tuple(Level(concurrency=count, rate=50.0) for count in (1, 2, 4)),
        duration=60.0,
        warmup=0.0,
        rest=2.5,
        cycles=3,
        ready=Ready(url="http://127.0.0.1:{port}/health", timeout=5.0),
        stop=Stop(signal="INT", grace=3.0),
    )
    assert found.service.is_paced


@pytest.mark.parametrize(
    ("concurrency", "rate", "levels"),
    [
        (3, None, ((3, None),)),
        ([1, 8], None, ((1, None), (8, None))),
        (4, [10, 20], ((4, 10.0), (4, 20.0))),
        ([1, 2], [10, 20], ((1, 10.0), (2, 20.0))),
        ([1, 2], 10, ((1, 10.0), (2, 10.0))),
    ],
)
def test_levels(concurrency: object, rate: object, levels: tuple[tuple[int, float | None], ...]) -> None:
    load = "hit {port} {rate}" if rate else "hit {port}"
    table = {**LEAST, "load": load, "concurrency": concurrency, **({"rate": rate} if rate else {})}
    found = workload(table, "w", Path("/"))
    assert found.service is not None
    assert tuple((level.concurrency, level.rate) for level in found.service.levels) == levels


@pytest.mark.parametrize(
    ("program", "reader"),
    [
        *(("wrk", Reader.WRK), ("/usr/bin/wrk2", Reader.WRK), ("ab", Reader.AB), ("pgbench", Reader.PGBENCH)),
        *(("redis-benchmark", Reader.REDIS), ("./my-load", Reader.GENERIC)),
    ],
)
def test_whose_output_it_is_is_told_by_the_name(program: str, reader: Reader) -> None:
    assert of_program(program) is reader


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"concurency": 1}, "w has the unknown key 'concurency'; did you mean concurrency?"),
        ({"ready": {"ur": "x"}}, "w [ready] has the unknown key 'ur'; did you mean url?"),
        ({"stop": {"sginal": "x"}}, "w [stop] has the unknown key 'sginal'; did you mean signal?"),
        ({"metrics": [{"nam": "x"}]}, "w [metrics] has the unknown key 'nam'; did you mean name?"),
        ({"metrics": [{"pattern": "(x)"}]}, "w: metrics.name is missing; it is a text"),
        ({"load": None}, f"w: load is missing; it is {ALLOWED['load']}"),
        ({"load": 7}, f"w: load is 7; it is {ALLOWED['load']}"),
        ({"load": ""}, f"w: load is empty; it is {ALLOWED['load']}"),
        (
            {"start": "serve 'x"},
            f"w: start cannot be split into words (No closing quotation); it is {ALLOWED['start']}",
        ),
        (
            {"load": "hit {concurency}"},
            "w: load has {concurency}, which is not filled in there; {port} and {folder} and",
        ),
        ({"start": "serve {rate}"}, "w: start has {rate}, which is not filled in there; {port} and {folder} are"),
        ({"concurrency": "x"}, f"w: concurrency is 'x'; it is {ALLOWED['concurrency']}"),
        ({"concurrency": [1, "x"]}, f"w: concurrency is [1, 'x']; it is {ALLOWED['concurrency']}"),
        ({"concurrency": []}, f"w: concurrency is []; it is {ALLOWED['concurrency']}"),
        ({"concurrency": [2, 1]}, f"w: concurrency is [2, 1], which does not climb; it is {ALLOWED['concurrency']}"),
        ({"concurrency": [0, 1]}, f"w: concurrency is [0, 1]; it is {ALLOWED['concurrency']}"),
        ({"rate": -1.0}, f"w: rate is -1.0; it is {ALLOWED['rate']}"),
        ({"rate": 5.0}, "w: there is a rate, and load has no {rate}; put it where the load takes it"),
        ({"load": "hit {port} {rate}"}, "w: load has {rate}, and there is no rate; give rate = 100, or a list"),
        (
            {"load": "hit {port} {rate}", "concurrency": [1, 2], "rate": [1.0, 2.0, 3.0]},
            f"w: rate has 3 numbers for 2 of concurrency; it is {ALLOWED['rate']}",
        ),
        ({"duration": 0}, f"w: duration is 0.0; it is {ALLOWED['duration']}"),
        ({"rest": "soon"}, f"w: rest is 'soon'; it is {ALLOWED['rest']}"),
        ({"warmup": float("inf")}, f"w: warmup is inf; it is {ALLOWED['warmup']}"),
        ({"cycles": 0}, f"w: cycles is 0; it is {ALLOWED['cycles']}"),
        ({"cycles": 1.5}, f"w: cycles is 1.5; it is {ALLOWED['cycles']}"),
        ({"port": 70000}, f"w: port is 70000; it is {ALLOWED['port']}"),
        ({"reader": "wrkk"}, f"w: reader is 'wrkk'; it is {ALLOWED['reader']}"),
        ({"success": "0"}, f"w: success is '0'; it is {ALLOWED['success']}"),
        ({"ready": "yes"}, f"w: ready is 'yes'; it is {ALLOWED['ready']}"),
        ({"ready": {"url": "x", "log": "y"}}, "w: ready has url and log; give one of url, tcp, log, command"),
        ({"ready": {"url": "x"}}, f"w: ready.url is 'x'; it is {ALLOWED['ready.url']}"),
        ({"ready": {"tcp": "x:y"}}, f"w: ready.tcp is 'x:y'; it is {ALLOWED['ready.tcp']}"),
        ({"ready": {"log": "("}}, "w: ready.log is '(' (missing ), unterminated subpattern at position 0); it is"),
        ({"ready": {"timeout": 0}}, f"w: ready.timeout is 0.0; it is {ALLOWED['ready.timeout']}"),
        (
            {"ready": {"command": "ping {prot}"}},
            "w: ready has {prot}, which is not filled in there; {port} and {folder} are",
        ),
        ({"stop": {"signal": "TRM"}}, "w: stop.signal is 'TRM', no signal; did you mean "),
        ({"stop": {"signal": 999}}, "w: stop.signal is '999', no signal; "),
        ({"metrics": [{"name": "x"}]}, "w: the metric 'x' has neither pattern nor path; give one of them"),
        (
            {"metrics": [{"name": "x", "pattern": "y"}]},
            f"w: metrics.pattern of 'x' has no single group; it is {ALLOWED['metrics.pattern']}",
        ),
        (
            {"metrics": [{"name": "x", "path": "y", "direction": "up"}]},
            "w: metrics.direction is not what it should be (Invalid enum value 'up'); it is 'less' or 'more'",
        ),
        ({"start": "serve"}, "w: start does not say which port it listens on; put {port} into it, or give the one"),
    ],
)
def test_what_cannot_be_meant_is_one_line(change: dict[str, object], message: str) -> None:
    table = {key: value for key, value in {**LEAST, **change}.items() if value is not None}
    with pytest.raises(Misuse) as caught:
        workload(table, "w", Path("/"))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_service_without_a_port_of_its_own() -> None:
    table = {"start": "serve", "load": "hit /tmp/socket", "ready": {"log": "listening"}}
    assert workload(table, "w", Path("/")).argv == ("serve",)
    assert workload({**LEAST, "start": "serve", "port": 8000}, "w", Path("/")).argv == ("serve",)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CannotGoOn, match=r"No such file or directory; give a workload file that is there$"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("start = ")
    with pytest.raises(Misuse, match="is not TOML"):
        load(tmp_path / "bad.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(Misuse, match="is not TOML"):
        load(tmp_path / "bytes.toml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([key for key in ALLOWED if "." not in key]), VALUES)
def test_any_value_is_meant_or_refused(key: str, value: object) -> None:
    with contextlib.suppress(Misuse):
        workload({**LEAST, key: value}, "w", Path("/"))


def test_every_field_of_a_service_has_a_key() -> None:
    renamed = {"levels": "concurrency"}
    assert {renamed.get(field.name, field.name) for field in fields(Service)} <= set(ALLOWED)
