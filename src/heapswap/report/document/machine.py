"""The machine and the settings of a measurement, as facts."""

from heapswap.environment import Environment
from heapswap.report.document.model import Block, Facts, Section
from heapswap.units import format_bytes

UNKNOWN = "not known"


def machine(environment: Environment) -> Section:
    """Kernel, C library, processor, memory settings, versions."""
    pairs = (
        ("heapswap", environment.heapswap),
        ("Python", environment.python),
        ("kernel", environment.kernel),
        ("C library", environment.libc),
        ("processor", f"{environment.processor or UNKNOWN} ({environment.machine}), {environment.cores} cores usable"),
        ("memory", format_bytes(environment.memory)),
        ("page size", format_bytes(environment.page_size)),
        ("transparent huge pages", environment.transparent_huge_pages or UNKNOWN),
        *environment.variables,
    )
    block: Block = Facts(pairs=tuple((name, value or UNKNOWN) for name, value in pairs))
    return Section(title="Environment", blocks=(block,))
