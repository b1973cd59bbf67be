"""A service from a file, from options, and from both."""

import argparse
from pathlib import Path

import pytest

from heapswap.cli import builds, services
from heapswap.errors import CannotGoOn, Misuse
from heapswap.workload import Level, Ready, Workload

FILE = """
start = "serve {port}"
load = "wrk -c{concurrency} http://127.0.0.1:{port}/"
concurrency = [1, 2]
rest = "9s"
[ready]
log = "listening"
timeout = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "workload.toml"
    path.write_text(FILE)
    return str(path)


def described(*words: str, command: list[str] | None = None) -> Workload | None:
    parser = argparse.ArgumentParser()
    services.configure(parser)
    builds.configure(parser)
    return services.described(parser.parse_args(words), command)


def test_without_a_word_about_a_service_there_is_none() -> None:
    assert described(command=["true"]) is None


def test_a_file(file: str) -> None:
    found = described("--workload", file)
    assert found is not None
    assert (found.argv, found.directory) == (("serve", "{port}"), str(Path(file).parent.resolve()))
    assert found.service is not None
    assert (found.service.rest, found.service.ready) == (9.0, Ready(log="listening", timeout=7.0))
    assert found.source == ("--workload", file)


def test_options_go_before_what_a_file_says(file: str) -> None:
    words = ("--rest", "3s", "--concurrency", "2,4", "--ready-tcp", "127.0.0.1:{port}", "--stop-signal", "INT")
    found = described("--workload", file, *words)
    assert found is not None
    assert found.service is not None
    assert (found.service.rest, found.service.stop.signal, found.service.stop.grace) == (3.0, "INT", 10.0)
    assert found.service.levels == (Level(concurrency=2), Level(concurrency=4))
    # One way to be ready takes the place of another; how long it may take stays.
    assert found.service.ready == Ready(tcp="127.0.0.1:{port}", timeout=7.0)
    again = described(*found.source)
    assert again == found


def test_options_alone() -> None:
    words = ("--load", "hit {port} {rate}", "--rate", "10,20", "--cycles", "3", "--ready-timeout", "2m")
    found = described(*words, command=["serve", "{port}"])
    assert found is not None
    assert (found.argv, found.directory) == (("serve", "{port}"), str(Path.cwd()))
    assert found.service is not None
    assert (found.service.cycles, found.service.ready.timeout) == (3, 120.0)
    assert [level.rate for level in found.service.levels] == [10.0, 20.0]


@pytest.mark.parametrize(
    ("words", "command", "message"),
    [
        (("--rest", "3s"), ["true"], "--rest is about a service; give --workload FILE, or what loads it with --load"),
        (("--load", "hit {port}"), None, "--load loads a service, and none is given; put its command behind --"),
        (
            ("--load", "hit {port}", "--cycles", "two"),
            ["serve", "{port}"],
            "the options: cycles is 'two'; it is a whole",
        ),
        (("--load", "hit {port}", "--concurrency", "1,x"), ["serve", "{port}"], "the options: concurrency is '1,x'; "),
    ],
)
def test_what_cannot_be_meant(words: tuple[str, ...], command: list[str] | None, message: str) -> None:
    with pytest.raises(Misuse) as caught:
        described(*words, command=command)
    assert str(caught.value).startswith(message)


def test_a_metric_that_hides_one_that_is_measured(tmp_path: Path) -> None:
    for name in ("peak", "cpu_per_request"):
        path = tmp_path / "workload.toml"
        path.write_text(f'{FILE}[[metrics]]\nname = "{name}"\npattern = "(x)"\n')
        with pytest.raises(Misuse, match=f"there is a metric '{name}' already"):
            described("--workload", str(path))
    with pytest.raises(CannotGoOn, match="No such file"):
        described("--workload", str(tmp_path / "none.toml"))
