"""The corpus through `heapswap advise`: programs whose best allocator is known, and two for which there is none."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from heapswap import artifact
from heapswap.report.terminal import Colour
from heapswap.report.verdict import verdict_text
from heapswap.trials import store
from heapswap.verdict.model import Verdict
from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
PROGRAMS: dict[str, tuple[str, list[str], list[str]]] = {
    # name: objective, options, command
    "lua_churn": ("cpu", [], ["lua5.4", "corpus/lua_churn.lua"]),
    "sqlite_index": ("time", ["--stdin", "corpus/sqlite_index.sql"], ["sqlite3", ":memory:"]),
    "python_objects": ("time", [], [sys.executable, "corpus/python_objects.py"]),
    "json_burst": ("memory", [], [sys.executable, "corpus/json_burst.py"]),
    "image_service": ("memory", [], [sys.executable, "corpus/image_service.py"]),
    "lxml_documents": ("memory", [], [sys.executable, "corpus/lxml_documents.py"]),
}

Answer = dict[str, Any]
"""The object that `heapswap advise --json` prints."""


def advise(evidence: Evidence, program: str) -> Answer:
    """The verdict on a program of the corpus, with five minutes of runs; the page a person sees is kept beside it."""
    objective, options, command = PROGRAMS[program]
    name = f"advise-{program}"
    results = evidence.folder / f"{name}.results"
    argv = [HEAPSWAP, "advise", "--budget", "5m", "--objective", objective, "--results", str(results), "--json"]
    verdict: Answer = evidence.json(name, [*argv, *options, "--", *command], timeout=1800)
    (evidence.folder / f"{name}.page.txt").write_text(page(results))
    return verdict


def page(results: Path) -> str:
    """What `heapswap advise` prints without ``--json``, from the files it saved."""
    verdict = artifact.decode((results / "verdict.json").read_bytes(), "verdict", 1, Verdict, "verdict.json")
    trial = store.load(results / "trial.json")
    return verdict_text(verdict, workload=trial.workload, results=str(results), width=100, colour=Colour.NEVER)


# ---- reading a verdict -------------------------------------------------------------------------------------------


def library(candidate: str) -> str:
    """What stands before the first ``+``, ``@``, ``/`` or ``:`` of a candidate's spelling."""
    for mark in "+@/:":
        candidate = candidate.partition(mark)[0]
    return candidate


def is_free_knob(candidate: str | None) -> bool:
    """Whether the candidate is the C library's own allocator with knobs, Python's own setting not counted."""
    if candidate is None or library(candidate) != "system":
        return False
    _, _, knobs = candidate.partition(":")
    return "/" in candidate or any(knob and not knob.startswith("python=") for knob in knobs.split(","))


def is_tuned(candidate: str, family: str) -> bool:
    """Whether the candidate is `family` with a recipe or knobs."""
    return library(candidate) == family and candidate != family


def comparison(verdict: Answer, candidate: str, metric: str) -> dict[str, Any]:
    """The one comparison of a candidate on a metric; its numbers are None where the verdict has none."""
    for row in verdict["comparisons"]:
        if row["candidate"] == candidate and row["metric"] == metric:
            return dict(row)
    return {"candidate": candidate, "metric": metric, "effect": None, "low": None, "high": None, "verdict": "unknown"}


def candidates(verdict: Answer) -> list[str]:
    """Every candidate that was compared, once, in the order of the verdict."""
    return list(dict.fromkeys(row["candidate"] for row in verdict["comparisons"]))


def guards(verdict: Answer, candidate: str) -> list[dict[str, Any]]:
    """The guards of one candidate."""
    return [guard for guard in verdict["guards"] if guard["candidate"] == candidate]


def best_whose_guards_hold(verdict: Answer) -> str | None:
    """The candidate with the lowest primary metric among those of which no guard is broken or open."""
    effects = {
        candidate: effect
        for candidate in candidates(verdict)
        if guards(verdict, candidate)
        and all(guard["state"] == "held" for guard in guards(verdict, candidate))
        and (effect := comparison(verdict, candidate, verdict["primary"])["effect"]) is not None
    }
    return min(effects, key=lambda candidate: effects[candidate], default=None)


def percent(ratio: float | None) -> str:
    """``-31.4 %``, or a question mark."""
    return "?" if ratio is None else f"{ratio * 100:+.1f} %"


def effect_text(row: dict[str, Any]) -> str:
    """``CANDIDATE cpu -35.0 % [-37.0 %, -33.0 %]``."""
    interval = f"[{percent(row['low'])}, {percent(row['high'])}]"
    return f"{row['candidate']} {row['metric']} {percent(row['effect'])} {interval}"


def answer_text(verdict: Answer) -> str:
    """``adopt X (rule R)``."""
    return " ".join(word for word in (verdict["outcome"], verdict["candidate"], f"(rule {verdict['rule']})") if word)


# ---- the lines ---------------------------------------------------------------------------------------------------


def lua_churn(evidence: Evidence) -> Result:
    verdict = advise(evidence, "lua_churn")
    if verdict["outcome"] != "adopt":
        return Result(figure=answer_text(verdict), held=False)
    row = comparison(verdict, verdict["candidate"], "cpu")
    return Result(
        figure=f"{answer_text(verdict)}: {effect_text(row)}", held=row["high"] is not None and row["high"] < -0.10
    )


def control(program: str) -> Callable[[Evidence], Result]:
    def line(evidence: Evidence) -> Result:
        verdict = advise(evidence, program)
        excluded = verdict.get("excluded")
        gain = "" if excluded is None else f", a gain above {excluded * 100:.0f} % is excluded"
        return Result(figure=answer_text(verdict) + gain, held=verdict["outcome"] in ("keep", "inconclusive"))

    return line


def json_burst_knob(evidence: Evidence) -> Result:
    verdict = advise(evidence, "json_burst")
    named = verdict["candidate"] or best_whose_guards_hold(verdict)
    if named is None:
        return Result(figure=f"{answer_text(verdict)}; no candidate has all its guards held", held=False)
    text = effect_text(comparison(verdict, named, verdict["primary"]))
    return Result(figure=f"{answer_text(verdict)}; best whose guards hold: {text}", held=is_free_knob(named))


def json_burst_jemalloc(evidence: Evidence) -> Result:
    verdict = advise(evidence, "json_burst")
    peaks = [row for row in verdict["guards"] if row["metric"] == "peak" and is_tuned(row["candidate"], "jemalloc")]
    return Result(figure=_guards_text(peaks), held=any(row["state"] == "broken" for row in peaks))


def image_service_knob(evidence: Evidence) -> Result:
    verdict = advise(evidence, "image_service")
    adopted = verdict["candidate"]
    if adopted is None:
        return Result(figure=answer_text(verdict), held=False)
    states = {guard["state"] for guard in guards(verdict, adopted)}
    text = effect_text(comparison(verdict, adopted, verdict["primary"]))
    return Result(
        figure=f"{answer_text(verdict)}: {text}; guards {', '.join(sorted(states)) or 'none'}",
        held=is_free_knob(adopted) and bool(states) and "broken" not in states,
    )


def image_service_trim(evidence: Evidence) -> Result:
    verdict = advise(evidence, "image_service")
    trimming = [
        name
        for name in candidates(verdict)
        if is_free_knob(name) and ("trim_threshold" in name or "/returning" in name)
    ]
    pairs = [(comparison(verdict, name, "idle"), comparison(verdict, name, "cpu")) for name in trimming]
    return Result(
        figure="; ".join(f"{effect_text(idle)}, cpu {percent(cpu['effect'])}" for idle, cpu in pairs)
        or "no candidate with the trim threshold was compared",
        held=any(_below(idle["effect"]) and _above(cpu["effect"]) for idle, cpu in pairs),
    )


def lxml_documents(evidence: Evidence) -> Result:
    verdict = advise(evidence, "lxml_documents")
    against = [row for row in verdict["guards"] if row["state"] != "held"]
    return Result(
        figure=f"{answer_text(verdict)}; {_guards_text(against)}",
        held=bool(verdict["comparisons"]) and bool(verdict["guards"]),
    )


def _guards_text(rows: Iterable[dict[str, Any]]) -> str:
    texts = [
        f"{row['candidate']} {row['metric']} {percent(row['effect'])} against {percent(row['limit'])}: {row['state']}"
        for row in rows
    ]
    return "; ".join(texts) or "no such guard in the verdict"


def _below(effect: float | None) -> bool:
    return effect is not None and effect < 0


def _above(effect: float | None) -> bool:
    return effect is not None and effect > 0


LINES = (
    Line(promise="lua_churn, objective cpu: adopt, CPU interval beyond -10 %", measure=lua_churn),
    Line(promise="sqlite_index, objective time: keep or inconclusive", measure=control("sqlite_index")),
    Line(promise="python_objects, objective time: keep or inconclusive", measure=control("python_objects")),
    Line(
        promise="json_burst, objective memory: a free glibc knob is adopted, or the best whose guards hold",
        measure=json_burst_knob,
    ),
    Line(
        promise="json_burst, objective memory: tuned jemalloc is rejected by the peak guard",
        measure=json_burst_jemalloc,
    ),
    Line(
        promise="image_service, objective memory: a free knob whose guards hold is adopted", measure=image_service_knob
    ),
    Line(
        promise="image_service, objective memory: the trim threshold is shown as lower memory at its CPU price",
        measure=image_service_trim,
    ),
    Line(promise="lxml_documents, objective memory: the report says what the guards say", measure=lxml_documents),
)
