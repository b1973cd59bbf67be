"""process: maps and the order of what is mapped; the running programs themselves are in tests/integration."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap import elf
from heapswap.errors import CannotGoOn
from heapswap.inspection.model import Presence
from heapswap.inspection.process import Mapped, arrange, inspect_process, parse_maps
from tests.inspection.programs import build, library

MAPS = """\
55d0c0a00000-55d0c0a02000 r--p 00000000 08:01 123                        /usr/bin/with blank
55d0c0a02000-55d0c0a06000 r-xp 00002000 08:01 123                        /usr/bin/with blank
55d0c1a00000-55d0c1a21000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000028000 r-xp 00000000 08:01 456                        /usr/lib/libc.so.6
7f0000100000-7f0000128000 r-xp 00000000 08:01 456                        /usr/lib/libc.so.6
7f0000200000-7f0000228000 r--p 00000000 08:01 789                        /usr/lib/locale/locale-archive
7f0000300000-7f0000328000 r-xp 00000000 08:01 790                        /tmp/gone.so (deleted)
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
"""


def test_maps() -> None:
    assert parse_maps(MAPS) == (
        Mapped(path="/usr/bin/with blank", addresses="55d0c0a02000-55d0c0a06000"),
        Mapped(path="/usr/lib/libc.so.6", addresses="7f0000000000-7f0000028000"),
        Mapped(path="/tmp/gone.so (deleted)", addresses="7f0000300000-7f0000328000"),
    )


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    assert isinstance(parse_maps(text), tuple)


def test_the_loaders_order_is_not_that_of_addresses(tmp_path: Path) -> None:
    deep = library(tmp_path, "libdeep.so", "int deep(void) { return 1; }\n", "-Wl,-soname,libdeep.so.1")
    near = library(tmp_path, "libnear.so", "int deep(void);\nint near(void) { return deep(); }\n", str(deep))
    extra = library(tmp_path, "libextra.so", "int extra;\n")
    late = library(tmp_path, "liblate.so", "int late;\n")
    program = build(
        tmp_path,
        "program",
        "int near(void);\nint main(void) { return near(); }\n",
        str(near),
        "-Wl,--unresolved-symbols=ignore-all",
    )
    paths = (late, deep, near, extra, program)
    mapped = [Mapped(path=str(path), addresses=f"{number:x}-ff") for number, path in enumerate(paths)]
    images = {str(path): elf.read(path) for path in paths}
    placed = arrange(str(program), images, ("libextra.so", "/not/loaded.so"), mapped)
    assert [Path(one.path).name for one in placed] == [
        "program",
        "libextra.so",
        "libnear.so",
        "libdeep.so",
        "liblate.so",
    ]
    assert [one.presence for one in placed[:3]] == [Presence.STATIC, Presence.PRELOADED, Presence.LINKED]
    assert [one.in_order for one in placed] == [True, True, True, True, False]
    assert placed[-1].seen == "mapped at 0"


def test_no_such_process() -> None:
    beyond = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
    with pytest.raises(CannotGoOn, match=f"there is no process {beyond}; "):
        inspect_process(beyond)
