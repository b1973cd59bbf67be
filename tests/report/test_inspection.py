"""report.inspection: the text at 80 columns, compared as text."""

from heapswap.findings import Finding, Level
from heapswap.inspection.model import Inspection, Presence, Use
from heapswap.report.inspection import inspection_text, overview_text

JEMALLOC = Use(
    family="jemalloc",
    presence=Presence.PRELOADED,
    path="/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
    version="5.3.0",
    evidence="defines malloc, mallctl; mapped at 7f9e9be09000; first in the loader's order to define malloc",
)
POLARS = Use(
    family="jemalloc",
    presence=Presence.WHEEL,
    path="/venv/lib/python3.11/site-packages/_polars_runtime_32/_polars_runtime.abi3.so",
    version="5.3.1",
    evidence="defines _rjem_mallctl; mapped at 7f; loaded later: it serves itself only",
)
GLIBC = Use(family="glibc", presence=Presence.LIBC, path="/lib/libc.so.6", version="2.36", evidence="defines malloc")


def process(pid: int = 812, *uses: Use, subject: str = "/usr/bin/python3.11 app.py") -> Inspection:
    present = uses or (JEMALLOC, POLARS)
    return Inspection(
        subject=subject,
        pid=pid,
        program="/usr/bin/python3.11",
        machine="x86_64",
        libc="glibc",
        allocator=present[0].family,
        uses=present,
        python="3.11.2",
        findings=(
            Finding(
                code="wheel-allocator",
                level=Level.NOTE,
                seen="_polars_runtime.abi3.so brings its own jemalloc: what it allocates there bypasses malloc",
                remedy="its own knob: _RJEM_MALLOC_CONF=dirty_decay_ms:…",
            ),
        ),
    )


def test_a_process() -> None:
    assert (
        inspection_text(process(), width=80)
        == """\
PID 812 (python3.11 app.py) uses jemalloc 5.3.0, preloaded.

Evidence
  program: /usr/bin/python3.11 (x86_64, glibc, Python 3.11.2)
  jemalloc 5.3.0, preloaded: /usr/lib/x86_64-linux-gnu/libjemalloc.so.2
    defines malloc, mallctl; mapped at 7f9e9be09000; first in the loader's order
    to define malloc

Also present
  jemalloc 5.3.1, inside a Python package:
    /venv/lib/python3.11/site-packages/_polars_runtime_32/
    _polars_runtime.abi3.so
    defines _rjem_mallctl; mapped at 7f; loaded later: it serves itself only

Findings and conflicts
  note: _polars_runtime.abi3.so brings its own jemalloc: what it allocates there
    bypasses malloc
    -> its own knob: _RJEM_MALLOC_CONF=dirty_decay_ms:…
"""
    )


def test_a_program() -> None:
    own = Use(
        family="jemalloc", presence=Presence.STATIC, path="/bin/rustc", version="5.3.0", evidence="defines malloc"
    )
    inspection = Inspection(
        subject="rustc",
        pid=None,
        program="/bin/rustc",
        machine="x86_64",
        libc="glibc",
        allocator="jemalloc",
        uses=(own,),
        findings=(Finding(code="own-malloc", level=Level.ERROR, seen="rustc defines malloc itself", remedy="keep it"),),
    )
    assert (
        inspection_text(inspection, width=80)
        == """\
rustc would use jemalloc 5.3.0, inside the program.

Evidence
  program: /bin/rustc (x86_64, glibc)
  jemalloc 5.3.0, inside the program
    defines malloc

Conflicts
  error: rustc defines malloc itself
    -> keep it
"""
    )


def test_an_allocator_that_cannot_be_told() -> None:
    inspection = Inspection(
        subject="./service", pid=None, program="/srv/service", machine="x86_64", libc="static", allocator=""
    )
    assert inspection_text(inspection, width=80).splitlines()[0] == (
        "Which allocator ./service would use cannot be told."
    )


def test_all_processes_grouped() -> None:
    unknown = Inspection(
        subject="/srv/service x", pid=9, program="/srv/service", machine="x86_64", libc="static", allocator=""
    )
    rows = (process(812), process(30, GLIBC), process(813), unknown)
    assert (
        overview_text(rows, width=80)
        == """\
4 processes of 2 programs could be read.

/srv/service
  its allocator cannot be told
  PID 9

/usr/bin/python3.11
  uses glibc 2.36, the C library's own
  PID 30

/usr/bin/python3.11
  uses jemalloc 5.3.0, preloaded
  also jemalloc 5.3.1, inside a Python package
  PID 812 813
"""
    )


def test_command_lines_are_shown_harmless_and_short() -> None:
    inspection = process(1, GLIBC, subject="/bin/tool \x1b[31m" + "x" * 200)
    text = inspection_text(inspection, width=80)
    assert "\x1b" not in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "…) uses glibc 2.36" in " ".join(text.split())
