"""How fast the player is in one thread: the same calls written as a plain loop, side by side, in CPU time.

``python benchmarks/replay_speed.py [--json]``. The calls are those of a synthetic trace of two million events, whose
blocks are small and mostly come from the allocator's fastest path: the hardest case for the player. Both touch every
page. The median of the rounds' ratios counts; the player checks live bytes at every thousandth call meanwhile.
"""

import argparse
import json
import statistics
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from heapswap import native
from heapswap.traces.replay import compiled

EVENTS = 2_000_000
ROUNDS = 15
HEADER = struct.Struct("<8sII10Q")
CALLS = {1: 0, 5: 1, 2: 2, 3: 3}
"""operations of the script, see `native/replay/src/script.rs`, as the loop numbers them"""
PAIRS = frozenset((3, 4, 9))
"""operations with a second word"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heapswap-speed-") as name:
        ratios, off = measured(Path(name))
    ratio = statistics.median(ratios)
    if arguments.json:
        print(json.dumps({"speed": ratio, "rounds": ratios, "moments_off": off, "moments": EVENTS // 1000}))
    else:
        print(
            f"{ratio:.0%} of the plain loop's speed (rounds {min(ratios):.0%} to {max(ratios):.0%}); {off} moments off"
        )
    return 0


def measured(folder: Path) -> tuple[list[float], int]:
    """The player's speed as a part of the loop's, round by round, and moments at which live bytes were others."""
    trace, script, calls, loop = (folder / name for name in ("trace", "script", "calls", "loop"))
    subprocess.run([native.tracer(), "synthesise", str(EVENTS), trace], check=True)
    compiled(trace, script)
    data = script.read_bytes()
    calls.write_bytes(b"".join(struct.pack("<IIQ", *call) for call in calls_of(data)))
    slots = HEADER.unpack_from(data)[5]
    subprocess.run(["cc", "-O2", "-o", loop, Path(__file__).with_suffix(".c")], check=True)
    ratios, off = [], 0
    for _ in range(ROUNDS):
        plain = int(subprocess.run([loop, calls, str(slots)], capture_output=True, check=True).stdout) / 1e9
        played = json.loads(subprocess.run([native.replayer(), script], capture_output=True, check=True).stderr)
        ratios.append(plain / played["cpu"])
        off += played["moments_off"]
    return ratios, off


def calls_of(script: bytes) -> Iterator[tuple[int, int, int]]:
    """Slot, what and size of every call of a script of one thread and small blocks."""
    words = words_of(script)
    for word in words:
        operation = word & 15
        if operation in PAIRS:
            next(words)
        if operation in CALLS:
            yield word >> 4 & (1 << 28) - 1, CALLS[operation], word >> 32


def words_of(script: bytes) -> Iterator[int]:
    """The words of the first thread."""
    table = HEADER.unpack_from(script)[12]
    (chunk,) = struct.unpack_from("<Q", script, table)
    while chunk:
        following, count = struct.unpack_from("<QQ", script, chunk)
        yield from struct.unpack_from(f"<{count}Q", script, chunk + 16)
        chunk = following


if __name__ == "__main__":
    raise SystemExit(main())
