"""Pages of `heapswap report --html` in Chromium: from disk, the network off, at every width and in both themes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from heapswap.report.document.make import document
from heapswap.report.html.page import page
from heapswap.report.lines import printable
from heapswap.report.reading import read
from heapswap.trials.model import Measurement, Outcome, Run, Sample, Slot, Stage, Trial
from heapswap.verdict.model import NotTried
from heapswap.verdict.prediction import Prediction
from heapswap.workload import Direction
from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result
from tests.browser import Browser, browser
from tests.report.artifacts import HOSTILE, SAVED, TESTS, saved
from tests.report.examples import MEMORY

BUDGET = 6 * 1024**2
MULTIPLE = 6.0
"""how much longer a page of 1,000 runs may take to be drawn than one of 10"""
SIZES = ((1280, 900), (390, 844))
DESKTOP = 1280
HOSTILE_PAGES = ("hostile", "hostile-prediction")
THEMES = ("light", "dark")
CONTRAST = 4.5
"""least contrast of text (Web Content Accessibility Guidelines 2.2, 1.4.3, level AA)"""

# The ends of what Tab reaches; what a browser would reach by itself, and what the page makes reachable.
FOCUSABLE = 'a[href], button, summary, [tabindex="0"]'
HIDDEN = "Math.max(0, ...[...document.querySelectorAll('.scroll')].map((one) => one.scrollWidth - one.clientWidth))"
"""pixels of the widest table that are to be scrolled to"""
INKS = "[...new Set([...document.querySelectorAll('.chart .xtick text')].map((one) => getComputedStyle(one).fill))]"
CONTRASTS = """(() => {
    const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
    const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const element of document.body.querySelectorAll("*")) {
        if (element.closest(".unseen, .skip, svg, script, noscript")) continue;
        if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
        const [one, other] = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))];
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        found.push([ratio, element.tagName + "." + element.className]);
    }
    return found.sort((a, b) => a[0] - b[0])[0];
})()"""


@contextmanager
def tab() -> Iterator[Browser]:
    """A browser with a profile of its own."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, browser(Path(folder)) as found:
        yield found


@cache
def large(count: int) -> Trial:
    """A trial of so many runs of six candidates, each with 60 samples of its memory and eight metrics."""
    chance = Random(count)
    base = saved("trial")
    assert isinstance(base, Trial)
    names = ("mimalloc", "jemalloc", "snmalloc", "tcmalloc", "system:arena_max=2")
    metrics = (("wall", "s"), ("cpu", "s"), ("user", "s"), ("system", "s"))
    sizes = (("peak", "B"), ("mean", "B"), ("idle", "B"), ("faults", "1"))
    runs: list[Run] = []
    while len(runs) < count:
        block = len(runs) // 4
        name = names[block % len(names)]
        for position, candidate in enumerate(("current", name, name, "current")):
            rows = tuple(
                Measurement(metric=metric, value=level * chance.gauss(1, 0.02), unit=unit, direction=Direction.LESS)
                for level, pairs in ((1.2, metrics), (1.3e8, sizes))
                for metric, unit in pairs
            )
            line = tuple(
                Sample(at=0.02 * at, resident=int(1.3e8 * chance.uniform(0.5, 1)), cpu=0.02 * at, processes=1)
                for at in range(60)
            )
            runs.append(
                Run(
                    slot=Slot(stage=Stage.CONFIRMING, block=block, position=position, candidate=candidate),
                    outcome=Outcome.COMPLETED,
                    exit_status=0,
                    signal=None,
                    measurements=rows,
                    timeline=line,
                )
            )
    design = replace(base.design, candidates=names, simplicity=(2,) * len(names), blocks=None, budget=None)
    return replace(base, runs=tuple(runs[:count]), design=design, workload=replace(base.workload, metrics=()))


def hostile() -> Trial:
    """Every hostile word as a candidate, in the command, and in what runs say."""
    trial = large(60)
    words = tuple(f"{number} {word}" for number, word in enumerate(HOSTILE))
    names = dict(zip(trial.design.candidates, words, strict=False))
    runs = tuple(
        replace(
            run,
            slot=replace(run.slot, candidate=names.get(run.slot.candidate, run.slot.candidate)),
            outcome=Outcome.CRASHED if number % 9 == 8 else run.outcome,
        )
        for number, run in enumerate(trial.runs)
    )
    return replace(
        trial,
        runs=runs,
        design=replace(trial.design, candidates=tuple(names.values())),
        workload=replace(trial.workload, argv=("/usr/bin/x", *words), directory=words[0], setup=words[1]),
        not_tried=tuple((word, word) for word in words),
    )


def hostile_prediction() -> Prediction:
    """Every hostile word as a candidate, as the baseline and in the command of what was recorded."""
    base = saved("prediction")
    assert isinstance(base, Prediction)
    words = tuple(f"{number} {word}" for number, word in enumerate(HOSTILE))
    memory, time = (
        tuple(replace(rows[0], candidate=word, effect=(at - 5) / 20) for at, word in enumerate(words))
        for rows in (base.memory, base.time)
    )
    return replace(
        base,
        candidate=words[0],
        baseline=HOSTILE[0],
        recording=HOSTILE[1],
        program=words,
        memory=memory,
        time=time,
        not_tried=tuple(NotTried(candidate=word, reason=word) for word in words),
    )


def written(evidence: Evidence) -> dict[str, Path]:
    """A page of every kind, and the hostile one."""
    found = {kind: read(path) for kind, path in SAVED.items()}
    later = {"service": "trials/golden/trial-1-service.json", "sites": "profiling/golden/profile-1-call-sites.json"}
    found |= {name: read(TESTS / path) for name, path in later.items()}
    found |= {"many": large(100), "hostile": hostile(), "hostile-prediction": hostile_prediction()}
    found |= {"five-metrics": MEMORY}
    files = {}
    for name, value in found.items():
        files[name] = evidence.folder / f"{name}.html"
        files[name].write_text(page(document(value)), encoding="utf-8")
    return files


def loads(evidence: Evidence) -> Result:
    """Every page, both widths, both themes: no error, no request, all charts drawn, nothing wider than the screen.

    On a desktop no table is, either; on a phone a table of figures may be moved sideways below its names.
    """
    troubles, charts, seen = [], 0, 0
    with tab() as found:
        for name, file in written(evidence).items():
            for width, height in SIZES:
                for theme in THEMES:
                    found.errors.clear()
                    found.open(file, width=width, height=height, theme=theme)
                    wanted, drawn = found.evaluate(
                        "[document.querySelectorAll('.chart').length, "
                        "[...document.querySelectorAll('.chart')].filter((one) => one.querySelector('.main-svg') "
                        "&& one.querySelector('.point, .js-line, .bars path, .slice')).length]"
                    )
                    wide = found.evaluate("document.documentElement.scrollWidth - innerWidth")
                    hidden = found.evaluate(HIDDEN) if width >= DESKTOP else 0
                    found.screenshot(evidence.folder / f"{name}-{width}-{theme}.png")
                    seen, charts = seen + 1, charts + wanted
                    if found.errors or wanted != drawn or wide > 0 or hidden > 0:
                        troubles.append(f"{name} {width} {theme}: {found.errors[:1]} {drawn}/{wanted} {wide} {hidden}")
    return Result(
        figure=f"{seen} pages with {charts} charts, {len(troubles)} with trouble {troubles[:2] or ''}",
        held=not troubles,
    )


def keyboard(evidence: Evidence) -> Result:
    """Tab reaches every control, each has a name for a screen reader, and arrows speak the values of a chart."""
    missed, nameless, total, spoken = [], 0, 0, []
    with tab() as found:
        for name, file in written(evidence).items():
            found.open(file)
            count = found.evaluate(
                f"(window.reached = new Set(), document.querySelectorAll('{FOCUSABLE}').forEach((one, at) => "
                f"{{ one.dataset.at = at; }}), document.querySelectorAll('{FOCUSABLE}').length)"
            )
            found.evaluate("document.addEventListener('focusin', (e) => window.reached.add(e.target.dataset.at))")
            for _ in range(count + 5):
                found.press("Tab", 9)
            reached = found.evaluate("[...window.reached].filter((at) => at !== undefined).length")
            total += count
            if reached != count:
                missed.append(f"{name}: {reached} of {count}")
            for node in found.call("Accessibility.getFullAXTree")["nodes"]:
                properties = {one["name"]: one["value"].get("value") for one in node.get("properties", ())}
                role = node.get("role", {}).get("value")
                if properties.get("focusable") and role not in ("RootWebArea", "code", "generic", "list"):
                    nameless += not node.get("name", {}).get("value")
            if found.evaluate("Boolean(document.querySelector('.chart'))"):
                found.evaluate("document.querySelector('.chart').focus()")
                found.press("ArrowRight", 39)
                spoken.append(bool(found.evaluate("document.getElementById('spoken').textContent")))
                for key in ("+", "-", "0"):
                    found.press(key)
                missed += [f"{name}: {error}" for error in found.errors]
    return Result(
        figure=f"{total} controls, not reached: {missed or 'none'}; {nameless} without a name; "
        f"arrows speak on {sum(spoken)} of {len(spoken)} pages",
        held=not missed and not nameless and all(spoken),
    )


def contrast(evidence: Evidence) -> Result:
    """The least contrast of any text with what is behind it."""
    worst = []
    with tab() as found:
        for name, file in written(evidence).items():
            for theme in THEMES:
                found.open(file, theme=theme)
                ratio, where = found.evaluate(CONTRASTS)
                worst.append((ratio, f"{name}, {theme}, {where}"))
    ratio, where = min(worst)
    return Result(figure=f"{ratio:.1f} at least ({where})", held=ratio >= CONTRAST)


def hostile_names(evidence: Evidence) -> Result:
    """What names hold is seen as text: no script ran, no element came of it, and each is there to be read."""
    files = written(evidence)
    missing, elements = [], []
    with tab() as found:
        for name in HOSTILE_PAGES:
            found.open(files[name])
            text = found.evaluate("document.body.textContent")
            elements.append(
                found.evaluate("[document.scripts.length, document.querySelectorAll('main img, main script').length]")
            )
            missing += [word for word in HOSTILE if not all(printable(line) in text for line in word.split("\n"))]
        errors = list(found.errors)
    total = len(HOSTILE_PAGES) * len(HOSTILE)
    return Result(
        figure=f"{total - len(missing)} of {total} read as they are, scripts and foreign elements: "
        f"{elements}, errors: {len(errors)}",
        held=not missing and all(one == [3, 0] for one in elements) and not errors,
    )


def prints(evidence: Evidence) -> Result:
    """On paper the page is light in either theme, and the charts are on it."""
    file = written(evidence)["many"]
    with tab() as found:
        found.open(file, theme="dark")
        data = found.pdf()
        (evidence.folder / "many.pdf").write_bytes(data)
        found.call("Emulation.setEmulatedMedia", media="print")
        paper = found.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        found.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        found.evaluate("dispatchEvent(new Event('beforeprint'))")
        inks = found.evaluate(INKS)
    pages = data.count(b"/Type /Page\n") or data.count(b"/Type /Page ")
    return Result(
        figure=f"{pages} pages, {len(data) / 1e6:.1f} MB, background {paper}, words of its charts {', '.join(inks)}",
        held=pages > 1 and paper == "rgb(255, 255, 255)" and inks == ["rgb(27, 31, 36)"],
    )


def thousand_runs(evidence: Evidence) -> Result:
    """Size of a page of 1,000 runs, and how long it is drawn beside one of 10; medians of five each, in turns."""
    files = {}
    for count in (10, 1000):
        files[count] = evidence.folder / f"runs-{count}.html"
        files[count].write_text(page(document(large(count))), encoding="utf-8")
    times: dict[int, list[float]] = {10: [], 1000: []}
    with tab() as found:
        for _ in range(5):
            for count, file in files.items():
                times[count].append(found.open(file))
        errors = list(found.errors)
    few, many = (sorted(row)[2] for row in times.values())
    size = files[1000].stat().st_size
    (evidence.folder / "times.json").write_text(json.dumps(times))
    return Result(
        figure=f"{size / 1024**2:.2f} MiB; drawn in {many / few:.1f} times the {few:.0f} ms of a page of 10 runs",
        held=size < BUDGET and many < MULTIPLE * few and not errors,
    )


LINES = (
    Line(promise="every page, phone and desktop, light and dark: no error, no request, all drawn", measure=loads),
    Line(promise="the keyboard reaches everything, and a screen reader names it", measure=keyboard),
    Line(promise=f"text has a contrast of {CONTRAST} at least, in both themes", measure=contrast),
    Line(promise="hostile names are text in a browser", measure=hostile_names),
    Line(promise="printed, a page is light and whole", measure=prints),
    Line(
        promise=f"1,000 runs: below 6 MiB, drawn within {MULTIPLE:.0f} times the time of 10 runs", measure=thousand_runs
    ),
)
