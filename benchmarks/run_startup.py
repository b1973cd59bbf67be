"""What `heapswap run` costs before the program starts, against a plain ``env LD_PRELOAD=…``.

``python benchmarks/run_startup.py [--json] [--rounds N]``. Each round starts `/bin/true` once in every way, in turn, so
that a slow moment of the machine meets all of them; what is printed are medians and the ratios of medians. The floor
is an interpreter that does nothing: no Python command line can start faster.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from heapswap import native

TRUE = "/bin/true"
ROUNDS = 40
AIM = 2.5
"""`heapswap run` against an interpreter that does nothing"""


def ways() -> dict[str, tuple[tuple[str, ...], Mapping[str, str]]]:
    """Command line and environment of each way; the programs are named by path, so that no PATH search is timed."""
    library = str(native.required("mimalloc"))
    heapswap = str(Path(sys.executable).with_name("heapswap"))
    env = "/usr/bin/env"
    return {
        "env LD_PRELOAD": ((env, f"LD_PRELOAD={library}", TRUE), os.environ),
        "python -c pass": ((sys.executable, "-c", "pass"), os.environ),
        "heapswap run": ((heapswap, "run", "mimalloc", "--", TRUE), os.environ),
        "heapswap run --only": ((heapswap, "run", "--only", "mimalloc", "--", TRUE), os.environ),
        "heapswap run, HEAPSWAP_DISABLE=1": (
            (heapswap, "run", "mimalloc", "--", TRUE),
            os.environ | {"HEAPSWAP_DISABLE": "1"},
        ),
    }


def seconds(command: tuple[str, ...], environ: Mapping[str, str]) -> float:
    """Wall time of one run, which has to succeed."""
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, environ)
    _, status = os.waitpid(child, 0)
    took = time.perf_counter() - began
    if status != 0:
        raise SystemExit(f"{' '.join(command)} ended with wait status {status}")
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    measured: dict[str, list[float]] = {name: [] for name in ways()}
    for _ in range(arguments.rounds):
        for name, (command, environ) in ways().items():
            measured[name].append(seconds(command, environ))
    typical = {name: median(values) for name, values in measured.items()}
    plain, floor, ours = typical["env LD_PRELOAD"], typical["python -c pass"], typical["heapswap run"]
    if arguments.json:
        print(
            json.dumps(
                {
                    "benchmark": "run_startup",
                    "rounds": arguments.rounds,
                    "seconds": measured,
                    "ratio_to_env": ours / plain,
                    "ratio_to_python": ours / floor,
                    "aim": AIM,
                }
            )
        )
        return 0
    for name, value in typical.items():
        print(f"{name:34}{value * 1000:7.1f} ms {value / plain:7.1f} x env {value / floor:7.2f} x python")
    print(f"aim: at most {AIM} x python")
    return 0


if __name__ == "__main__":
    sys.exit(main())
