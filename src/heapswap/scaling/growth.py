"""Memory at rest over cycles of load and rest: a leak, retention, or neither.

The slope is the median of all pairwise slopes (H. Theil, Proc. Kon. Ned. Akad. v. Wetensch. A 53, 1950), its interval
inverts Kendall's test of no trend (P. K. Sen, J. American Statistical Association 63, 1968), by the exact distribution
of Kendall's score (M. G. Kendall, Biometrika 30, 1938) and not by its normal limit, because cycles are few. Several
runs are strata: slopes are taken within each and their scores add up, so that runs that begin at different sizes make
no trend.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heapswap.scaling.model import AtRest, Growth, Trend
from heapswap.units import format_bytes

Numbers = NDArray[np.float64]

ERROR = 0.01
"""of the interval, both sides"""
LEAST = 6
"""judged cycles that one run needs for such an interval: of fewer even the rarest order is too likely"""
WARM_UP = 1
"""cycles of each run that are not judged: caches and pools fill up"""
RATIO, FLOOR = 0.02, 1024.0 * 1024
"""growth over all judged cycles below the larger of this share and this many bytes is none"""
FADING = 1 / 3
"""a slope of the second half below this share of the whole one is flattening"""


def trend(runs: Sequence[Sequence[float]]) -> Trend | None:
    """Growth a cycle over one or more runs; None where no 99 % interval is possible (one run needs 6 cycles)."""
    series = [np.asarray(run, dtype=np.float64) for run in runs if len(run) >= 2]
    if not series:
        return None
    slopes = np.sort(np.concatenate([_slopes(run) for run in series]))
    below = np.cumsum(_scores([len(run) for run in series]))
    # `below[k]` is the probability that k or fewer of the pairs fall, where there is no trend.
    left_out = int(np.searchsorted(below, ERROR / 2, side="right"))
    if left_out == 0:
        return None
    halves = [run[len(run) // 2 :] for run in series if len(run) >= 4]
    late = np.concatenate([_slopes(half) for half in halves]) if halves else slopes
    return Trend(
        slope=float(np.median(slopes)),
        low=float(slopes[left_out - 1]),
        high=float(slopes[-left_out]),
        typical=float(np.median(np.concatenate(series))),
        late=float(np.median(late)),
    )


def _slopes(run: Numbers) -> Numbers:
    rows, columns = np.triu_indices(len(run), 1)
    return np.asarray((run[columns] - run[rows]) / (columns - rows), dtype=np.float64)


def _scores(lengths: Sequence[int]) -> Numbers:
    """Probabilities that 0, 1, … pairs are in falling order, when every order within each run is equally likely."""
    found = np.ones(1)
    for length in lengths:
        for size in range(2, length + 1):
            # The last of `size` values is smaller than 0 to size - 1 of the others, each as likely.
            found = np.convolve(found, np.full(size, 1 / size))
    return found


def judge(resident: Sequence[Sequence[float]], live: Sequence[Sequence[float]] | None, *, unseen: str = "") -> Growth:
    """What the cycles of one candidate say.

    Args:
        resident: of each run the resident memory at the end of each rest, bytes.
        live: the same of live bytes; None where they are not known.
        unseen: why live bytes are not all there is (such as Python's own arenas); then growth beside them is not
            called retention.
    """
    seen = trend(_judged(resident))
    alive = trend(_judged(live)) if live is not None else None
    cycles = sum(len(run) for run in _judged(resident))
    runs = max((len(run) for run in resident), default=0)
    kind, why = _kind(seen, alive, runs - WARM_UP, unseen)
    return Growth(kind=kind, cycles=cycles, resident=seen, live=alive, why=why)


def _judged(runs: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    return [run[WARM_UP:] for run in runs]


def _kind(seen: Trend | None, alive: Trend | None, cycles: int, unseen: str) -> tuple[AtRest, str]:
    if seen is None:
        return AtRest.UNKNOWN, f"too few cycles to tell growth from chance; one run needs {WARM_UP + LEAST}"
    if alive is not None and _grows(alive, cycles):
        return _flattening(alive, "live bytes") or (AtRest.LEAK, f"live bytes grow {_rate(alive)}")
    if not _grows(seen, cycles):
        return AtRest.NEITHER, f"resident memory at rest changes {_rate(seen)}"
    return _flattening(seen, "resident memory at rest") or _beside(seen, alive, unseen)


def _flattening(one: Trend, what: str) -> tuple[AtRest, str] | None:
    if one.late >= FADING * one.slope:
        return None
    return AtRest.FILLING, f"{what} grew {_rate(one)} and flattened; more cycles would tell"


def _beside(seen: Trend, alive: Trend | None, unseen: str) -> tuple[AtRest, str]:
    """What resident memory that grows is, where live bytes do not or are not known."""
    grows = f"resident memory at rest grows {_rate(seen)}"
    if alive is None:
        return AtRest.UNKNOWN, f"{grows}, and live bytes are not known"
    if unseen:
        return AtRest.UNKNOWN, f"{grows}, live bytes of malloc do not, but {unseen}"
    return AtRest.RETENTION, f"{grows}, live bytes by {signed(alive.slope)}"


def _grows(one: Trend, cycles: int) -> bool:
    return one.low > 0 and one.slope * max(cycles - 1, 1) > max(RATIO * one.typical, FLOOR)


def _rate(one: Trend) -> str:
    return f"by {signed(one.slope)} a cycle ({signed(one.low)} to {signed(one.high)})"


def signed(value: float) -> str:
    """Bytes that may be fewer than none."""
    return f"-{format_bytes(-value)}" if value < 0 else format_bytes(value)
