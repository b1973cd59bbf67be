"""What the hardened build costs beside the plain one: pairs of runs, in random order within the pair.

The interval is from the least to the greatest ratio of the pairs. It covers the median with probability 1 - 2 / 2^n
whatever the noise is like (the sign test's; H. A. David and H. N. Nagaraja, Order Statistics, 2003, section 7.1).
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from heapswap.conformance.child import Ask, Subject, ask
from heapswap.conformance.model import Price
from heapswap.errors import CannotGoOn

PAIRS = 8
LOOPS = {"pair": "one block of 48 B, again and again", "batch": "1000 live blocks of 16 to 1023 B"}
PROGRAM = "python"
SAYS = {**LOOPS, PROGRAM: "Python compiles its standard library"}
_PATIENCE = 120.0

# Objects of every size and age, and nothing but the interpreter that is here anyway.
_COMPILE = """
import pathlib, sysconfig
folder = pathlib.Path(sysconfig.get_paths()["stdlib"])
for name in ("argparse", "ast", "datetime", "decimal", "doctest", "inspect", "tarfile", "typing", "zipfile"):
    for path in (folder / f"{name}.py", folder / name / "__init__.py"):
        if path.is_file():
            compile(path.read_bytes(), str(path), "exec")
"""


def prices(plain: Subject, hardened: Subject, *, seed: int, ask: Ask = ask) -> Iterator[Price]:
    """The allocation loops, in nanoseconds a malloc with its free, and one real program, in seconds of CPU time.

    Raises:
        CannotGoOn: a run failed.
    """
    coin = random.Random(seed)
    for name in LOOPS:

        def loop(under: Subject, name: str = name) -> float:
            ended = ask(under, "cost", name, patience=_PATIENCE)
            if ended.word != "held":
                raise CannotGoOn(f"the loop '{name}' failed ({ended.said or ended.killer}); see which clause breaks")
            return float(ended.detail)

        yield price(name, "ns", _paired(loop, plain, hardened, coin))
    yield price(PROGRAM, "s", _paired(_program, plain, hardened, coin))


def price(id_: str, unit: str, pairs: Sequence[tuple[float, float]]) -> Price:
    """Ratio and interval from pairs of plain and hardened times."""
    ratios = [hardened / plain for plain, hardened in pairs]
    return Price(
        id=id_,
        unit=unit,
        plain=median(plain for plain, _ in pairs),
        hardened=median(hardened for _, hardened in pairs),
        ratio=median(ratios),
        low=min(ratios),
        high=max(ratios),
        pairs=len(pairs),
        confidence=1 - 2.0 ** (1 - len(pairs)),
    )


def _paired(
    measure: Callable[[Subject], float], plain: Subject, hardened: Subject, coin: random.Random
) -> list[tuple[float, float]]:
    pairs = []
    for _ in range(PAIRS):
        if coin.random() < 0.5:
            first = measure(plain)
            pairs.append((first, measure(hardened)))
        else:
            second = measure(hardened)
            pairs.append((measure(plain), second))
    return pairs


def _program(under: Subject) -> float:
    """CPU seconds of the program; every object of Python's comes from the allocator."""
    argv = [sys.executable, "-S", "-c", _COMPILE]
    environ = {**under.environ, "PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise CannotGoOn(f"{sys.executable} fails under {under.expected}; see which clause breaks")
    return used.ru_utime + used.ru_stime
