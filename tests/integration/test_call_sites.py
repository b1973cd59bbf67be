"""Call sites of programs of which it is known who asks for how much: the exact parts, and generous bounds around them.

A site's part rests on some hundred stacks that are drawn at random, so a bound is many standard errors away.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.native.support import compiled, library, program

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
PROGRAMS = Path(__file__).parent / "callsites"
PLAIN = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One process of a profile, and the folded stacks of them all."""

    process: dict[str, Any]
    findings: list[dict[str, Any]]
    folded: dict[str, int]

    def part(self, *names: str) -> float:
        """Of all bytes, those of stacks that hold these frames in this order, outermost first."""
        whole = sum(self.folded.values())
        return sum(size for line, size in self.folded.items() if _in_order(names, line.split(";"))) / whole


def _in_order(names: tuple[str, ...], frames: list[str]) -> bool:
    rest = iter(frames)
    return all(any(frame == name or frame.startswith(f"{name} (") for frame in rest) for name in names)


Profile = Callable[..., Found]


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    def run(*words: str | Path, options: tuple[str, ...] = ()) -> Found:
        folded = tmp_path / "folded"
        command = [HEAPSWAP, "profile", "--json", "--folded", str(folded), *options, "--", *map(str, words)]
        environ = {**PLAIN, "HOME": str(tmp_path)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=120)
        found = json.loads(done.stdout)
        (process,) = found["processes"]
        lines = [line.rpartition(" ") for line in folded.read_text().splitlines()]
        return Found(process=process, findings=found["findings"], folded={line: int(size) for line, _, size in lines})

    return run


@pytest.mark.parametrize("options", [("-O2", "-fomit-frame-pointer"), ("-O2", "-fno-omit-frame-pointer"), ("-O0",)])
def test_a_chain_of_calls(options: tuple[str, ...], profile: Profile, tmp_path: Path) -> None:
    found = profile(compiled(PROGRAMS / "chain.c", tmp_path, *options))
    assert found.process["stacks"] > 60
    assert 0.5 < found.part("main", "outer", "middle", "large") < 0.95
    assert 0.05 < found.part("main", "outer", "middle", "small") < 0.5
    first, second = found.process["call_sites"][:2]
    assert (first["place"]["function"], first["caller"]["function"]) == ("large", "middle")
    assert (second["place"]["function"], second["caller"]["function"]) == ("small", "middle")
    assert first["bytes"] == pytest.approx(40_000 * 3000, rel=0.7)
    assert second["calls"] == pytest.approx(40_000, rel=0.7)
    assert found.findings == []


def test_without_any_symbol_functions_are_told_apart(profile: Profile, tmp_path: Path) -> None:
    found = profile(compiled(PROGRAMS / "chain.c", tmp_path, "-O2", "-s"))
    first, second = found.process["call_sites"][:2]
    assert first["place"]["function"].startswith("chain+0x")
    assert first["place"]["function"] != second["place"]["function"]
    assert first["caller"] == second["caller"]
    assert 0.5 < first["share"] < 0.95


def test_libraries_that_take_each_others_place(profile: Profile, tmp_path: Path) -> None:
    plugins = []
    for name in ("of_the_first", "of_the_other"):
        plugin = compiled(PROGRAMS / "plugin.c", tmp_path, "-shared", "-fPIC", f"-DNAME={name}")
        plugins.append(plugin.rename(tmp_path / f"{name}.so"))
    found = profile(compiled(PROGRAMS / "loads.c", tmp_path), *plugins)
    assert 0.15 < found.part("main", "work", "of_the_first") < 0.85
    assert 0.15 < found.part("main", "work", "of_the_other") < 0.85


def test_what_is_inlined_is_named_where_debugging_information_is(profile: Profile, tmp_path: Path) -> None:
    target = tmp_path / "inlined"
    source = str(PROGRAMS / "inlined.cpp")
    subprocess.run([program("g++", "g++"), "-O2", "-g", source, "-o", str(target)], check=True)
    found = profile(target)
    assert found.part("main", "work()", "Table::fill(unsigned long)") > 0.6
    assert 0 < found.part("main", "work()", "name()") < 0.3
    first = found.process["call_sites"][0]["place"]
    assert (first["function"], Path(first["file"]).name) == ("Table::fill(unsigned long)", "inlined.cpp")
    assert first["line"] == 11


def test_python_functions_are_named(profile: Profile) -> None:
    found = profile(sys.executable, PROGRAMS / "functions.py")
    assert 0.2 < found.part("<module>", "outright") < 0.8
    assert 0 < found.part("<module>", "generated", "numbers") < 0.5
    assert 0 < found.part("<module>", "Named.méthode", "Named.méthode.<locals>.<lambda>") < 0.4
    assert 0.05 < found.part("Thread._bootstrap", "Thread.run", "in_a_thread") < 0.6
    callers = {site["caller"]["function"]: site["caller"] for site in found.process["call_sites"] if site["caller"]}
    assert {"outright", "numbers", "in_a_thread"} <= set(callers)
    assert Path(callers["outright"]["file"]).name == "functions.py"
    assert callers["outright"]["line"] == 8
    assert not any("EvalFrameDefault" in line for line in found.folded)


def test_without_stacks(profile: Profile, tmp_path: Path) -> None:
    found = profile(compiled(PROGRAMS / "chain.c", tmp_path), options=("--no-stacks",))
    assert (found.process["stacks"], found.process["call_sites"], found.folded) == (0, [], {})


def test_stacks_in_every_place_harm_nothing(tmp_path: Path) -> None:
    target = compiled(Path(__file__).parents[1] / "native" / "stack_places.c", tmp_path, "-O1")
    names = set[str]()
    for run in range(20):  # few stacks are copied of a program so short
        process, frames = stacks_of(target, tmp_path / f"files-{run}")
        names |= {frames[place]["function"] for stack in process["stacks"] for place in stack["frames"]}
        assert (process["flags"], process["lost"]) == (0, 0)
        if names >= EVERY_PLACE:
            return
    pytest.fail(f"never seen: {', '.join(sorted(EVERY_PLACE - names))}")


EVERY_PLACE = {"on_a_coroutine", "in_a_handler", "in_a_thread", "without_a_frame_pointer", "requests", "main"}


def stacks_of(target: Path, files: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    files.mkdir()
    own = {"LD_PRELOAD": str(library("probe")), "HEAPSWAP_PROBE": str(files), "HEAPSWAP_PROBE_STACKS": "on"}
    done = subprocess.run([target], env={**PLAIN, **own}, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("every place\n", "", 0)
    read = subprocess.run(
        [str(library("probe").with_name("heapswap-symbolise")), str(files)], capture_output=True, check=True, timeout=60
    )
    answer = json.loads(read.stdout)
    (process,) = answer["processes"]
    return process, answer["frames"]
