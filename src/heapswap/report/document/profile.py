"""A profile as a document: what the allocator costs the heaviest process, then each process that matters."""

from collections.abc import Iterator, Sequence

from heapswap.profiling.model import Process, Profile, Source
from heapswap.report.callsites import place_words, site_words
from heapswap.report.charts.cost import size_chart, time_chart
from heapswap.report.charts.lifetimes import lifetime_chart
from heapswap.report.charts.memory import mapped_memory, process_memory
from heapswap.report.charts.sites import icicle
from heapswap.report.document.model import (
    Block,
    Chart,
    Charts,
    Commands,
    Document,
    Facts,
    Prose,
    Section,
    Table,
    Tone,
    findings,
    left,
    named,
    right,
    said,
    sections,
)
from heapswap.report.figures import UNKNOWN
from heapswap.report.folded import Stacks
from heapswap.report.memory import MEMORY
from heapswap.report.nextstep import Step
from heapswap.report.outside import seen_rows
from heapswap.report.profile import SHOWN, costs, process_name, summary, weight
from heapswap.units import format_bytes, format_duration

MOST = 200
"""processes in the table; the others are added up"""
SITES = 12
"""call sites of a process in the table"""
LEAST = 0.01
"""part of the CPU time below which a process is drawn only if it is the heaviest"""


def profile_document(profile: Profile, stacks: Stacks | None = None) -> Document:
    """One run of a command, its processes by weight; with `stacks`, which weigh bytes, as an icicle of them."""
    ranked = sorted(profile.processes, key=weight, reverse=True)
    total = sum(process.cpu for process in ranked)
    shown = [one for place, one in enumerate(ranked[:SHOWN]) if place == 0 or one.cpu >= LEAST * total]
    return Document(
        kind="profile",
        subject=" ".join(profile.command),
        answer=answer(ranked),
        tone=Tone.PLAIN,
        beside=(*_whole(profile), *_ended(profile)),
        sections=sections(
            Section(title="Where the time went", blocks=_drawn(time_chart([(process_name(p), p) for p in shown]))),
            Section(title="Findings", blocks=findings(dict.fromkeys(profile.findings))),
            Section(title="Where memory is asked for", blocks=tuple(_sites(ranked, stacks))),
            *(Section(title=f"{process_name(p)} (pid {p.pid})", blocks=tuple(_process(p))) for p in shown),
            Section(title="Every process", blocks=tuple(_processes(ranked))),
            Section(title="What to type", blocks=tuple(_commands(profile))),
        ),
    )


def answer(ranked: Sequence[Process]) -> str:
    """What the allocator costs the heaviest process, in one sentence."""
    if not ranked:
        return "No process was observed."
    process = ranked[0]
    share = process.allocator_cpu_share
    if share is None:
        return f"{process_name(process)} made too few calls to tell what its allocator costs."
    limits = f"{100 * share.low:.1f} % to {100 * share.high:.1f} %"
    return f"{process_name(process)} spends {100 * share.value:.1f} % ({limits}) of its CPU time in its allocator."


def _whole(profile: Profile) -> tuple[str, ...]:
    if profile.source is Source.OUTSIDE:
        pids = ", ".join(str(process.pid) for process in profile.processes)
        return (f"Seen from outside for {format_duration(profile.wall)} (pid {pids}): nothing was counted.",)
    return (summary(profile),)


def _ended(profile: Profile) -> tuple[str, ...]:
    if profile.signal is not None:
        return (f"The command was ended by signal {profile.signal}.",)
    return (f"The command ended with status {profile.exit_status}.",) if profile.exit_status else ()


def _drawn(charts: tuple[Chart, ...]) -> tuple[Block, ...]:
    return (Charts(charts=charts),) if charts else ()


def _sites(ranked: Sequence[Process], stacks: Stacks | None) -> Iterator[Block]:
    """Whole call stacks where they are at hand, else each call site below its caller."""
    asking = [one for one in ranked if one.call_sites][:SHOWN]
    found = {
        (process_name(one), *((place_words(site.caller),) if site.caller else ()), place_words(site.place)): float(
            site.bytes
        )
        for one in asking
        for site in one.call_sites
    }
    yield from _drawn(
        icicle(stacks or found, "Call stacks" if stacks else "Call sites, below who called them", "bytes")
    )
    if found:
        yield Table(
            caption="The largest call sites, estimated from sampled stacks",
            columns=(*left("process", "call site"), *right("of its bytes", "bytes", "calls")),
            rows=tuple(
                (
                    named(process_name(one)),
                    named(site_words(site)),
                    said(f"{100 * site.share:.1f} %"),
                    said(format_bytes(site.bytes)),
                    said(f"{site.calls:,}"),
                )
                for one in asking
                for site in one.call_sites[:SITES]
            ),
        )


def _process(process: Process) -> Iterator[Block]:
    if process.allocations is None:
        yield Facts(pairs=tuple((name or "of it", value) for name, value in seen_rows(process)))
    else:
        yield Facts(pairs=tuple(costs(process)))
    if process.retained_bytes is not None and process.memory in MEMORY:
        beside = f"{format_bytes(process.retained_bytes)} of anonymous memory beside live blocks at the end; "
        yield Prose(text=beside + MEMORY[process.memory] + ".")
    title = process_name(process)
    yield from _drawn(
        (
            *process_memory(process, title),
            *mapped_memory(process, title),
            *size_chart(process.size_classes, title),
            *lifetime_chart(process, title),
        )
    )


def _processes(ranked: Sequence[Process]) -> Iterator[Block]:
    if len(ranked) < 2:
        return
    more = f"; {len(ranked) - MOST:,} lighter ones are left out" if len(ranked) > MOST else ""
    yield Table(
        caption=f"Processes, the heaviest first{more}",
        columns=(*left("process"), *right("pid", "CPU", "in the allocator", "allocations", "peak live")),
        rows=tuple(
            (
                named(process_name(one)),
                said(str(one.pid)),
                said(format_duration(one.cpu)),
                said(f"{100 * share.value:.1f} %" if (share := one.allocator_cpu_share) else UNKNOWN),
                said(UNKNOWN if one.allocations is None else f"{one.allocations:,}"),
                said(UNKNOWN if one.peak_live_bytes is None else format_bytes(one.peak_live_bytes)),
            )
            for one in ranked[:MOST]
        ),
    )


def _commands(profile: Profile) -> Iterator[Block]:
    if profile.source is Source.OUTSIDE:
        return
    if len(profile.command) < 2 and profile.processes and len(profile.processes[0].arguments) > 1:
        return
    candidate = () if profile.candidate == "current" else (profile.candidate,)
    yield Commands(
        steps=(
            Step(purpose="To repeat this profile:", words=("heapswap", "profile", *candidate, "--", *profile.command)),
            Step(purpose="To learn which allocator would help:", words=("heapswap", "advise", "--", *profile.command)),
        )
    )
