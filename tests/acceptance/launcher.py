"""What the launcher reports as memory, and what it and `heapswap run` cost."""

import json
import sys
from typing import Any

from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result

MIB = 1 << 20

# 200 MiB, then four children that share them with their parent; while all rest, the parent adds up what the kernel
# says of them.
FORKING = """
import json, os, time
def memory(pid):
    fields = dict(line.split(":") for line in open(f"/proc/{pid}/smaps_rollup").read().splitlines()[1:])
    return [int(fields[name].split()[0]) * 1024 for name in ("Rss", "Pss")]
held = bytearray(os.urandom(1 << 20)) * 200
children = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        time.sleep(1.5)
        os._exit(0)
    children.append(pid)
time.sleep(0.7)
resident, proportional = map(sum, zip(*map(memory, [os.getpid(), *children])))
print(json.dumps({"resident": resident, "proportional": proportional}))
[os.waitpid(pid, 0) for pid in children]
"""


def from_large_parent(evidence: Evidence, name: str, command: list[str]) -> Any:
    """The peak of a command that was measured from a Python of 300 MiB, in bytes."""
    folder = str(evidence.folder / f"{name}.run")
    argv = [sys.executable, "-m", "tests.acceptance.large_parent", folder, *command]
    return evidence.json(name, argv, timeout=120)


def small_child(evidence: Evidence) -> Result:
    seen = from_large_parent(evidence, "true", ["/bin/true"])
    return Result(
        figure=f"{seen['high'] / MIB:.2f} MiB, from a parent of {seen['parent'] / MIB:.0f} MiB",
        held=seen["completed"] and seen["parent"] > 300 * MIB and 0 < seen["high"] < 2.5 * MIB,
    )


def shared_pages(evidence: Evidence) -> Result:
    seen = from_large_parent(evidence, "forks", [sys.executable, "-c", FORKING])
    truth = json.loads((evidence.folder / "forks.run" / "stdout").read_text())
    low, high, shared, summed = (
        size / MIB for size in (seen["low"], seen["high"], truth["proportional"], truth["resident"])
    )
    return Result(
        figure=f"{seen['peak'] / MIB:.0f} MiB, between {low:.0f} and {high:.0f}; the kernel counts {shared:.0f} MiB "
        f"with shared pages once, {summed:,.0f} MiB with each process's own",
        held=seen["completed"] and low <= shared <= high and high < 0.9 * summed,
    )


def launcher_overhead(evidence: Evidence) -> Result:
    """The promise is that the cost is measured and shown, whatever it is."""
    rows = benchmark(evidence, "launcher_overhead")["rows"]
    figure = ", ".join(f"{row['name']} {row['turnaround']:.2f} ms ({row['ratio']:.2f} times)" for row in rows)
    return Result(figure=figure, held=len(rows) > 1 and all(row["ratio"] > 0 for row in rows))


def run_startup(evidence: Evidence) -> Result:
    """See `launcher_overhead`."""
    printed = benchmark(evidence, "run_startup")
    to_env, to_python = printed["ratio_to_env"], printed["ratio_to_python"]
    return Result(
        figure=f"{to_env:.1f} times env; {to_python:.2f} times a Python that does nothing", held=to_env > 0 < to_python
    )


def benchmark(evidence: Evidence, script: str) -> Any:
    """What a benchmark prints."""
    return evidence.json(script, [sys.executable, f"benchmarks/{script}.py", "--json"])


LINES = (
    Line(promise="/bin/true, measured from a 300 MiB Python: under 2.5 MiB", measure=small_child),
    Line(promise="a 200 MiB parent with 4 forks: bounds that hold 207 MiB, not 1,028", measure=shared_pages),
    Line(promise="launcher overhead a run, as a ratio", measure=launcher_overhead),
    Line(promise="heapswap run against plain env LD_PRELOAD=…, as a ratio", measure=run_startup),
)
