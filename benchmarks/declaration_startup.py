"""What the declaration costs a program in which it is in force already, against ``import json``.

``python benchmarks/declaration_startup.py [--json] [--rounds N]``. Every start is a fresh interpreter; each round
starts one of every kind, in turn, so that a slow moment of the machine meets all of them. What is compared is what a
line adds to an interpreter that does nothing (medians); the ratio is between the declaration's and json's.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from statistics import median

ROUNDS = 60
AIM = 1.0
"""the declaration may cost as much as this many imports of json"""

DECLARATION = 'import heapswap; heapswap.global_allocator("mimalloc")'
LINES = {"pass": "pass", "import json": "import json", "declaration": DECLARATION}


def environment_in_force() -> dict[str, str]:
    """The environment of a program that the declaration itself has executed anew: all kinds are started in it."""
    code = f"{DECLARATION}; import json, os; print(json.dumps(dict(os.environ)))"
    found: dict[str, str] = json.loads(subprocess.check_output([sys.executable, "-c", code]))
    return found


def seconds(line: str, environ: dict[str, str]) -> float:
    """Wall time of one interpreter that executes `line`; it has to succeed."""
    began = time.perf_counter()
    child = os.posix_spawn(sys.executable, (sys.executable, "-c", line), environ)
    _, status = os.waitpid(child, 0)
    took = time.perf_counter() - began
    if status != 0:
        raise SystemExit(f"python -c {line!r} ended with wait status {status}")
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    environ = environment_in_force()
    measured: dict[str, list[float]] = {name: [] for name in LINES}
    for _ in range(arguments.rounds):
        for name, line in LINES.items():
            measured[name].append(seconds(line, environ))
    typical = {name: median(values) for name, values in measured.items()}
    floor = typical["pass"]
    added = {name: typical[name] - floor for name in ("import json", "declaration")}
    ratio = added["declaration"] / added["import json"]
    if arguments.json:
        print(
            json.dumps(
                {
                    "benchmark": "declaration_startup",
                    "rounds": arguments.rounds,
                    "seconds": measured,
                    "added": added,
                    "ratio_to_json": ratio,
                    "aim": AIM,
                }
            )
        )
        return 0
    print(f"{'python -c pass':20}{floor * 1000:7.1f} ms")
    for name, cost in added.items():
        print(f"{name:20}{cost * 1000:+7.1f} ms")
    print(f"the declaration costs {ratio:.2f} x import json (aim: at most {AIM:g})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
