"""What `heapswap conform` prints: the answer, each clause with its source, what hardening buys and what it costs."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from heapswap.conformance import price
from heapswap.conformance.clauses import CLAUSES, MISUSES
from heapswap.conformance.model import ClauseResult, Conformance, Hardening, Outcome, Price, Reaction
from heapswap.report.lines import fold, paragraph, printable
from heapswap.report.terminal import Colour, render

_WORD = 10
"""columns of the outcome"""
_SHARE = 0.58
"""of the rest, for what a clause says; its source has what is left"""
_REACTION = 10
"""columns of a reaction"""
_WORDS = {Reaction.NOT_APPLICABLE: "-"}
_LEFT = 40
"""columns at most before figures: they stand near what they are of"""
_STYLES = {Outcome.HELD: "green", Outcome.NOT_APPLICABLE: "dim"}
_BAD = "bold red"
_REACTIONS = {
    Reaction.DETECTED: "green",
    Reaction.IGNORED: "green",
    Reaction.CRASHED: "yellow",
    Reaction.NOT_APPLICABLE: "dim",
}
LEGEND = (
    "detected: the program is ended. ignored: no harm. crashed: a bad access ends the program. "
    "corrupts: silently, memory is given out that is not its to give."
)


def conformance_text(
    answer: Conformance, *, width: int, colour: Colour = Colour.NEVER, details: bool = False, known: Sequence[str] = ()
) -> str:
    """The whole answer. `details` tells what was seen where a clause holds, too; `known` deviations are marked."""
    lines = paragraph(headline(answer), width, style="bold")
    if answer.library:
        lines += paragraph(answer.library.path, width, first="  ")
    lines.append(Text())
    told = {result.id: result for result in answer.clauses}
    for clause in CLAUSES:
        if result := told.get(clause.id):
            lines += _row(result, clause.says, clause.source, width, known)
            if details or result.outcome is not Outcome.HELD:
                lines += _detail(result.detail, width)
    lines += _hardening(answer.hardening, width, details=details)
    lines += _prices(answer.prices, width)
    return render(lines, colour)


def headline(answer: Conformance) -> str:
    """``mimalloc 3.3.2: 28 of 29 clauses hold; deviates: aligned-alloc-errors``."""
    asked = [result for result in answer.clauses if result.outcome is not Outcome.NOT_APPLICABLE]
    version = answer.library.version if answer.library else answer.system
    name = f"{printable(answer.candidate)} {version}".strip()
    told = f"{name}: {len(asked) - len(answer.broken)} of {len(asked)} clauses hold"
    for outcome in (Outcome.DEVIATES, Outcome.CRASHED, Outcome.HUNG):
        if broken := [result.id for result in answer.broken if result.outcome is outcome]:
            told += f"; {outcome.value}: {', '.join(broken)}"
    return told


def _row(result: ClauseResult, says: str, source: str, width: int, known: Sequence[str]) -> Iterable[Text]:
    room = width - _WORD - 4
    left = int(room * _SHARE)
    said, sources = fold(says, left), fold(source, room - left)
    word = {Outcome.NOT_APPLICABLE: "-"}.get(result.outcome, result.outcome.value)
    if result.outcome.is_broken and result.id in known:
        word, style = f"({word})", "yellow"
    else:
        style = _STYLES.get(result.outcome, _BAD)
    for number in range(max(len(said), len(sources))):
        line = Text().append(f"{word if number == 0 else '':<{_WORD}}", style=style)
        line.append(f"  {said[number] if number < len(said) else '':<{left}}")
        line.append(f"  {sources[number]}" if number < len(sources) else "", style="dim")
        line.rstrip()
        yield line


def _detail(detail: str, width: int) -> Iterable[Text]:
    """What was seen: a program keeps its lines."""
    for line in detail.split("\n"):
        yield from paragraph(line, width, first=" " * (_WORD + 4), style="dim")


def _hardening(rows: Sequence[Hardening], width: int, *, details: bool) -> Iterable[Text]:
    """A column a build: the plain one, and the hardened one beside it."""
    if not rows:
        return
    yield Text()
    names = f" ({' and '.join(printable(row.candidate) for row in rows)})" if len(rows) > 1 else ""
    yield from paragraph(f"What becomes of a program's mistakes{names}", width, style="bold")
    left = min(width - _REACTION * len(rows) - 4, _LEFT)
    if len(rows) > 1:
        yield Text(" " * (left + 4) + f"{'plain':<{_REACTION}}hardened", style="bold")
    for misuse in MISUSES:
        attempts = [attempt for row in rows for attempt in row.attempts if attempt.id == misuse.id]
        said = fold(misuse.says, left)
        line = Text(f"  {said[0]:<{left}}  ")
        for attempt in attempts:
            word = _WORDS.get(attempt.reaction, attempt.reaction.value)
            line.append(f"{word:<{_REACTION}}", style=_REACTIONS.get(attempt.reaction, _BAD))
        line.rstrip()
        yield line
        yield from (Text(f"  {more}") for more in said[1:])
        if details:
            for row, attempt in zip(rows, attempts, strict=True):
                yield from paragraph(f"{row.candidate}: {attempt.detail}", width, first="      ", style="dim")
    yield from paragraph(LEGEND, width, first="  ", style="dim")


def _prices(prices: Sequence[Price], width: int) -> Iterable[Text]:
    if not prices:
        return
    yield Text()
    first = prices[0]
    interval = f"{first.confidence * 100:.3g} % interval"
    yield from paragraph(
        f"What hardening costs (hardened / plain, {first.pairs} pairs, {interval})", width, style="bold"
    )
    for row in prices:
        figures = (
            f"{_time(row.plain, row.unit):>7} -> {_time(row.hardened, row.unit):<7}  "
            f"x{row.ratio:.2f} ({row.low:.2f}..{row.high:.2f})"
        )
        says = price.SAYS[row.id]
        if len(says) > (left := min(width - len(figures) - 4, _LEFT)):
            yield from paragraph(says, width, first="  ")
            yield from paragraph(figures, width, first="      ")
        else:
            yield Text(f"  {says:<{left}}  {figures}")


def _time(value: float, unit: str) -> str:
    return f"{value:.1f} ns" if unit == "ns" else f"{value * 1000:.0f} ms"
