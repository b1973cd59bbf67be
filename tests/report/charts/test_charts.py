"""The figures, as what Plotly is given: every value is there, and every point has words."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.profiling.mappings import Kind
from heapswap.profiling.model import Profile
from heapswap.report.charts.cost import size_chart, time_chart
from heapswap.report.charts.effects import effect_charts
from heapswap.report.charts.lifetimes import lifetime_chart
from heapswap.report.charts.memory import mapped_memory, process_memory, trial_memory, typical_course
from heapswap.report.charts.runs import run_charts
from heapswap.report.charts.sites import MOST, REST, icicle
from heapswap.report.charts.steps import step_charts
from heapswap.report.charts.words import LONGEST, label, plain, shortened, unit_of
from heapswap.report.data.tables import frame
from heapswap.report.document.make import document
from heapswap.report.document.model import Chart, Charts
from heapswap.report.formats import Asked, Format, written
from heapswap.report.reading import KINDS, read
from heapswap.trials.model import Outcome, Sample, Trial
from heapswap.verdict.model import Verdict
from tests.report.artifacts import HOSTILE, saved
from tests.report.test_outside import NEW

LIFETIMES = Path(__file__).parents[2] / "profiling/golden/profile-1-lifetimes.json"
SERVICE = Path(__file__).parents[2] / "trials/golden/trial-1-service.json"


def trial() -> Trial:
    found = saved("trial")
    assert isinstance(found, Trial)
    return found


def traces(charts: Sequence[Chart]) -> list[Any]:
    return [trace for chart in charts for trace in chart.traces]


def drawn() -> list[Chart]:
    """Every chart of every kind."""
    found = [document(saved(kind)) for kind in KINDS] + [document(read(SERVICE))]
    return [
        chart
        for one in found
        for section in one.sections
        for block in section.blocks
        if isinstance(block, Charts)
        for chart in block.charts
    ]


def test_every_point_has_words_and_every_chart_says_what_is_to_be_seen() -> None:
    charts = drawn()
    assert len(charts) > 8
    for chart in charts:
        assert chart.title
        assert chart.says
        assert chart.height > 50
        for trace in traces([chart]):
            if trace.get("hoverinfo") != "skip":
                assert len(trace["text"]) == len(trace.get("x", trace.get("ids")))


def test_effects_have_their_interval_and_the_noise_floor() -> None:
    verdict = saved("verdict")
    assert isinstance(verdict, Verdict)
    cpu, peak = effect_charts(verdict, ["mimalloc", "system:arena_max=2"], {"cpu": 0.012})
    (trace,) = cpu.traces
    assert trace["x"] == [pytest.approx(-38.1)]
    error: Any = trace["error_x"]
    assert (error["arrayminus"], error["array"]) == ([pytest.approx(2.1)], [pytest.approx(2.2)])
    shapes: Any = cpu.layout["shapes"]
    assert [(shape["x0"], shape["x1"]) for shape in shapes] == [(-1.2, 1.2)]
    assert peak.layout["shapes"] == []


def test_every_run_is_drawn_once_in_its_place() -> None:
    found = run_charts(trial(), ["cpu"])
    numbers = sorted(number for trace in traces(found) for number in trace["x"])
    assert numbers == [at for at, run in enumerate(trial().runs, 1) if run.value("cpu") is not None]
    assert run_charts(trial(), ["nothing"]) == ()


def test_memory_is_the_median_of_the_runs_and_ends_with_half_of_them() -> None:
    def course(height: int, end: float) -> tuple[Sample, ...]:
        return tuple(Sample(at=end * at / 4, resident=height, cpu=0.0, processes=1) for at in range(5))

    run = next(one for one in trial().runs if one.outcome is Outcome.COMPLETED)
    runs = [replace(run, timeline=course(height, end)) for height, end in ((100, 1.0), (200, 2.0), (900, 3.0))]
    found = typical_course(runs)
    assert found is not None
    at, low, middle, high = found
    assert at[-1] == 2.0
    assert middle[0] == 200
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert not np.isnan(middle).any()
    assert typical_course([replace(run, timeline=())]) is None
    assert trial_memory(replace(trial(), runs=())) == ()


def test_a_service_has_throughput_and_latency_against_load() -> None:
    service = read(SERVICE)
    assert isinstance(service, Trial)
    charts = step_charts(service)
    assert charts[0].title == "Throughput against load"
    levels = {step.rate or step.concurrency for run in service.runs for step in run.steps}
    assert {x for trace in traces(charts) for x in trace["x"]} <= levels
    assert step_charts(trial()) == ()


def test_a_process_has_its_time_its_sizes_and_its_memory() -> None:
    profile = saved("profile")
    assert isinstance(profile, Profile)
    timed = [one for one in profile.processes if one.allocator_cpu_share is not None]
    (chart,) = time_chart([("p", one) for one in profile.processes])
    assert sum(trace["x"][0] for trace in traces([chart])) == pytest.approx(100.0, abs=0.01)
    assert len(traces([chart])[0]["x"]) == len(timed)
    process = max(profile.processes, key=lambda one: len(one.size_classes))
    for trace in traces(size_chart(process.size_classes, "p")):
        assert sum(trace["y"]) == pytest.approx(100.0, abs=0.1)
    assert size_chart((), "p") == ()
    assert process_memory(replace(process, timeline=()), "p") == ()


def test_lifetimes_add_up_to_all_blocks() -> None:
    profile = read(LIFETIMES)
    assert isinstance(profile, Profile)
    followed = [one for one in profile.processes if one.lifetimes]
    assert followed
    for process in followed:
        found = traces(lifetime_chart(process, "p"))
        for place in range(len(found[0]["x"])):
            assert sum(trace["x"][place] for trace in found) == pytest.approx(100.0, abs=0.5)
    assert lifetime_chart(replace(followed[0], lifetimes=()), "p") == ()


def test_call_sites_stand_below_their_callers() -> None:
    profile = read(LIFETIMES.with_name("profile-1-call-sites.json"))
    assert isinstance(profile, Profile)
    sites = [site for process in profile.processes for site in process.call_sites]
    assert sites
    (section,) = [one for one in document(profile).sections if one.title == "Where memory is asked for"]
    charts = section.blocks[0]
    assert isinstance(charts, Charts)
    (trace,) = traces(charts.charts)
    tops = [value for value, parent in zip(trace["values"], trace["parents"], strict=True) if not parent]
    assert sum(tops) == pytest.approx(sum(site.bytes for site in sites))
    assert len(frame(profile, "call_sites").rows) == len(sites)


def test_a_process_seen_from_outside_has_its_memory_by_kind() -> None:
    (process,) = NEW.processes
    found = traces(mapped_memory(process, "p"))
    assert [trace["name"] for trace in found] == list(Kind)
    page = document(NEW)
    assert "nothing was counted" in page.beside[0]
    assert "What to type" not in [section.title for section in page.sections]
    assert b"from outside" in written(Asked(new=NEW, place=LIFETIMES), Format.TEXT, width=80)
    assert frame(NEW, "resident").rows


def test_an_icicle_holds_every_stack_and_adds_up() -> None:
    (chart,) = icicle({("main", "a"): 3.0, ("main", "b"): 1.0, ("main",): 1.0}, "Sites", "bytes")
    (trace,) = traces([chart])
    weights = dict(zip(trace["labels"], trace["values"], strict=True))
    assert weights == {"main": 5.0, "a": 3.0, "b": 1.0}
    assert dict(zip(trace["labels"], trace["parents"], strict=True)) == {"main": "", "a": "0", "b": "0"}
    assert icicle({}, "Sites", "bytes") == ()
    many: dict[tuple[str, ...], float] = {("main", f"f{number}"): float(number) for number in range(3 * MOST)}
    (trace,) = traces(icicle(many, "Sites", "bytes"))
    assert len(trace["ids"]) <= MOST + 1
    assert REST in trace["labels"]
    tops = [value for value, parent in zip(trace["values"], trace["parents"], strict=True) if parent == ""]
    assert sum(tops) == pytest.approx(sum(many.values()))


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=200)))
def test_what_plotly_reads_has_no_element_but_line_breaks(text: str) -> None:
    for shown in (plain(text), label(text)):
        assert "<" not in shown.replace("<br>", "") if shown == label(text) else "<" not in shown
        assert all(character.isprintable() for character in shown)
    assert len(shortened(text)) <= LONGEST


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([0.5, None], "s", (0.001, "ms")),
        ([2.0], "s", (1.0, "s")),
        ([512.0], "B", (1.0, "B")),
        ([3.0 * 1024**3, float("nan")], "B", (1024.0**3, "GiB")),
        ([1e30], "B", (1024.0**4, "TiB")),
        ([5.0], "1", (1.0, "")),
        ([], "requests/s", (1.0, "requests/s")),
    ],
)
def test_axes_are_in_the_unit_that_suits(values: list[float | None], unit: str, expected: tuple[float, str]) -> None:
    assert unit_of(values, unit) == expected
