"""What the first run's profile says: in a line while a trial begins, and as a section of the answer."""

from rich.cells import cell_len
from rich.text import Text

from heapswap.report.figures import name
from heapswap.report.lines import paragraph, printable
from heapswap.units import format_bytes
from heapswap.verdict.model import Advice, Diagnosis, Ground

_RULES = {
    Advice.NO_BOTTLENECK: "allocation is no measured bottleneck, and the present allocator stays",
    Advice.SLOW: "allocation may cost time: candidates that save it have to prove it",
    Advice.RETAINS: "memory is retained: candidates that give it back have to prove it",
    Advice.BOTH: "allocation may cost time, and memory is retained: candidates against either have to prove it",
    Advice.OBJECTS: "malloc is no measured bottleneck, but Python's own allocator is not shown: "
    "what replaces it has to prove itself",
    Advice.UNKNOWN: "the profile does not settle it, and every candidate is tried",
}
_PARTS = {
    "allocator": "the allocator's own work",
    "faults": "page faults of the heap",
    "faults_again": "page faults beyond the first of each page",
    "waiting": "waiting for the allocator's locks",
    "costs": "these costs together",
    "first_touches": "allowed for first touches in huge pages",
    "layout": "allowed for another layout of the blocks",
    "time": "all together",
    "memory": "resident beside live blocks",
}


def diagnosed(diagnosis: Diagnosis) -> str:
    """Which rule applies, and on which numbers: one line."""
    return f"Profiled: {_RULES[diagnosis.advice]}. {diagnosis.reason[:1].upper()}{diagnosis.reason[1:]}."


def diagnosis_lines(diagnosis: Diagnosis, width: int) -> list[Text]:
    """The rule, and each number it rests on."""
    why = "" if diagnosis.grounds else f": {diagnosis.reason}"
    rule = f"{_RULES[diagnosis.advice]}{why}."
    lines = paragraph(rule[:1].upper() + rule[1:], width, first="  ", rest="  ")
    timed = next((ground.metric for ground in diagnosis.grounds if ground.of == "time"), "")
    if timed:
        lines += paragraph(f"The most that any allocator can take off {name(timed)}:", width, first="  ", rest="  ")
    return [*lines, *(line for ground in diagnosis.grounds for line in _ground_lines(ground, width))]


def _ground_lines(ground: Ground, width: int) -> list[Text]:
    in_bytes = ground.unit == "B"
    value = format_bytes(ground.most) if in_bytes else f"{ground.most * 100:.1f} %"
    limit = ""
    if ground.limit is not None:
        limit = f"counts from {format_bytes(ground.limit) if in_bytes else f'{ground.limit * 100:.3g} %'}"
    part = _PARTS.get(ground.of) or printable(ground.of)
    line = f"    {part:<46}{value:>8}  {limit}".rstrip()
    return [Text(line)] if cell_len(line) <= width else paragraph(f"{part}: {value} {limit}", width, first="    ")
