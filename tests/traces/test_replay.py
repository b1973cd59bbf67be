"""Scripts made of recordings, and what the player says about them."""

import json
import subprocess
from pathlib import Path

import pytest

from heapswap import native
from heapswap.errors import CannotGoOn, Misuse
from heapswap.traces.replay import Script, Speed, compiled, metrics, suited, words


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace of three threads that free each other's blocks."""
    trace = tmp_path_factory.mktemp("synthetic") / "trace.heap"
    subprocess.run([native.tracer(), "synthesise", "30000", trace, "3"], check=True)
    return trace


def summary(trace: Path) -> dict[str, int]:
    done = subprocess.run([native.tracer(), "summary", trace], capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def test_a_script_holds_what_the_recording_says(synthetic: Path, tmp_path: Path) -> None:
    script, counts = compiled(synthetic, tmp_path / "script"), summary(synthetic)
    assert script.threads == 3
    assert script.calls == counts["events"] + script.lost_frees - script.unknown_frees
    assert (script.unknown_frees, script.lost_frees) == (counts["unknown_frees"], counts["unordered"])
    assert script.peak_live == counts["peak_live_bytes"]
    assert script.end_live == counts["live_bytes_at_end"]


@pytest.mark.parametrize("speed", Speed)
def test_every_moment_is_as_it_was_recorded(synthetic: Path, tmp_path: Path, speed: Speed) -> None:
    script = compiled(synthetic, tmp_path / "script")
    played = subprocess.run(
        [native.replayer(), *words(tmp_path / "script", speed)], capture_output=True, text=True, check=True
    )
    assert played.stdout == (
        f"played {script.calls} calls of 3 threads; {script.end_live} bytes live at the end; 0 moments off\n"
    )
    said = json.loads(played.stderr)
    assert said["peak_live"] == script.peak_live
    assert said["heap_peak"] >= script.peak_live
    assert said["allocate"]["samples"] > 0


def test_a_process_that_is_not_there_is_misuse(synthetic: Path, tmp_path: Path) -> None:
    assert compiled(synthetic, tmp_path / "script", 1).pid == 1
    with pytest.raises(Misuse, match="no process 7 in this trace; it has 1"):
        compiled(synthetic, tmp_path / "script", 7)


def test_what_is_no_trace_is_refused_in_one_line(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("not a trace, and long enough to hold a beginning")
    with pytest.raises(CannotGoOn, match="is no trace") as refusal:
        compiled(other, tmp_path / "script")
    assert "\n" not in str(refusal.value)


def test_a_quantile_is_a_metric_where_enough_calls_are_beyond_it() -> None:
    names = {metric.name for metric in metrics(10_000)}
    assert {"heap_peak", "heap_cpu", "allocate_p99_9"} <= names
    assert "allocate_p99_99" not in names
    assert "free_p99_99" in {metric.name for metric in metrics(10_000_000)}


@pytest.mark.parametrize(
    ("threads", "seconds", "speed"), [(1, 1.0, Speed.MAX), (2, 1.0, Speed.RECORDED), (2, 3600.0, Speed.MAX)]
)
def test_threads_age_memory_as_recorded_unless_that_takes_long(threads: int, seconds: float, speed: Speed) -> None:
    script = Script(
        processes=1,
        calls=1,
        peak_live=1,
        end_live=1,
        unknown_frees=0,
        lost_frees=0,
        threads=threads,
        seconds=seconds,
        large_bytes=0,
        large_bytes_told=0,
    )
    assert suited(script) is speed


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotGoOn, match=r"gone\.heap cannot be read: No such file or directory; give a file that"):
        compiled(tmp_path / "gone.heap", tmp_path / "script")
