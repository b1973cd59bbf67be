"""snmalloc: nothing to configure at run time."""

from heapswap.allocators.marks import symbols
from heapswap.allocators.model import Allocator, Build, Condition, Guard, Soname

FAMILY = Allocator(
    name="snmalloc",
    summary="message passing for memory that another thread frees",
    upstream="https://github.com/microsoft/snmalloc",
    symbols=symbols("snmalloc", ""),
    sonames=(
        Soname(stem="libsnmallocshim.so"),
        Soname(stem="libsnmallocshim-checks.so", features=("checks",)),
    ),
    builds=(Build(name="snmalloc", line="0", needs="a C++20 compiler"),),
    guards=(
        Guard(
            marker="platform_machine in 'x86_64 aarch64'",
            reason="snmalloc keeps two words in one atomic, which other processors lack",
        ),
        Guard(
            condition=Condition.ADDRESS_SPACE,
            least=256 << 30,
            reason="it reserves its page map before anything else, and ends the program where that is refused",
        ),
    ),
)
