"""Guards as text: a line a candidate, with figures only where a limit is not held."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from heapswap.report.figures import count, interval, name, percent
from heapswap.report.lines import paragraph
from heapswap.verdict.model import GuardCheck, GuardState

_STYLES = {GuardState.BROKEN: "red", GuardState.OPEN: "yellow", GuardState.HELD: ""}


def guard_lines(guards: Iterable[GuardCheck], order: Sequence[str], width: int) -> list[Text]:
    """For each candidate, those in `order` first: guards broken, guards open, and how many are held."""
    checks = list(guards)
    lines: list[Text] = []
    untested: list[str] = []
    for candidate in dict.fromkeys((*order, *(check.candidate for check in checks))):
        mine = [check for check in checks if check.candidate == candidate]
        if mine and all(map(_is_untested, mine)):
            untested.append(candidate)
        elif mine:
            style = _STYLES[_worst(mine)]
            lines += paragraph(f"{candidate}: {_summary(mine)}", width, first="  ", rest="    ", style=style)
    if untested:
        lines += paragraph(f"{', '.join(untested)}: open, too few runs to tell.", width, first="  ", rest="    ")
    return lines


def open_guard_lines(guards: Iterable[GuardCheck], adopted: str | None, width: int) -> list[Text]:
    """What adopting leaves unsettled, to stand beside the answer; nothing where every guard is held."""
    unsettled = [
        f"{name(c.metric)} {_seen(c)}" for c in guards if c.candidate == adopted and c.state is GuardState.OPEN
    ]
    style = _STYLES[GuardState.OPEN]
    return paragraph(f"Guards still open: {'; '.join(unsettled)}.", width, style=style) if unsettled else []


def _worst(checks: Sequence[GuardCheck]) -> GuardState:
    return next(state for state in _STYLES if any(check.state is state for check in checks))


def _summary(checks: Sequence[GuardCheck]) -> str:
    held = [check for check in checks if check.state is GuardState.HELD]
    if len(held) == len(checks):
        return f"held ({', '.join(name(check.metric) for check in held)})."
    untested = [check for check in checks if _is_untested(check)]
    rest = [check for check in checks if check not in held and check not in untested]
    told = [_told(check) for state in _STYLES for check in rest if check.state is state]
    if untested:
        told.append(f"{', '.join(name(check.metric) for check in untested)} open, too few runs to tell")
    if held:
        told.append(f"{count(len(held), 'other')} held")
    return "; ".join(told) + "."


def _is_untested(check: GuardCheck) -> bool:
    return check.state is GuardState.OPEN and check.low is None and check.high is None


def _told(check: GuardCheck) -> str:
    return f"{name(check.metric)} {check.state.upper()}, {_seen(check)}"


def _seen(check: GuardCheck) -> str:
    if check.effect is None:
        seen = "not measured"
    elif check.low is None and check.high is None:
        seen = percent(check.effect)
    else:
        seen = f"{percent(check.effect)} ({interval(check.low, check.high)})"
    return f"{seen}, limit {percent(check.limit)}"
