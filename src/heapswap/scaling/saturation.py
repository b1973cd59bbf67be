"""The step at which throughput stops growing, and what was exhausted there.

By the utilisation law a bottleneck is busy for X / X_max of the time (P. J. Denning and J. P. Buzen, The Operational
Analysis of Queueing Network Models, ACM Computing Surveys 10, 1978): a step that reaches all but a twentieth of the
highest throughput is saturated. X_max is known only where throughput was seen to stop; a ramp that still grows at its
last step says nothing about it. Whether the clients of a closed loop really wait for the service is Little's law,
N = X · R (J. D. C. Little, Operations Research 9, 1961).

A load generator has no time left where it is always on a core, and beside it the service uses little. Where other
programs run as well it gets less than a core: then the time counts in which it, or the service that it waits for, is in
the queue for one.
"""

from collections.abc import Sequence

from heapswap.scaling.model import Limit, Point, Saturation

FLAT = 0.05
"""growth by less than this from the best step before is none"""
FULL = 0.90
"""of the cores: the machine has nothing left to give"""
AT_LIMIT = 0.85
"""of one core that a load generator uses, or it and its service use and queue for: it has no time left"""
FOREIGN = 0.25
"""of the cores used by neither the service nor its load: the machine is not ours"""
WAITING = 0.5
"""of its clients waiting for the service, and no more: the generator is busy with itself"""


def saturation(points: Sequence[Point], cores: int) -> Saturation:
    """Where and why one candidate stops growing; `points` in the order of the ramp, at least one."""
    peak = max(point.throughput for point in points)
    paced = all(point.rate is not None for point in points)
    place = _short_of_its_rate(points) if paced else _flat(points)
    full = _full_from(points)
    if full is not None and place is not None:
        place = max(place, full)
    elif full == 0 and (points[-1].load or 0.0) <= 1 + FLAT:
        place = full  # what grows is what one core of it was given
    if place is not None:
        limit, why = limited_by(points[place], cores)
        return Saturation(level=points[place].level, peak=peak, limit=limit, why=why)
    if paced:
        return Saturation(level=None, peak=peak, limit=Limit.NOTHING, why="every rate that was asked for was served")
    if len(points) < 2:
        return Saturation(level=None, peak=peak, limit=Limit.NOTHING, why="one step shows no growth")
    why = f"throughput still grows at {points[-1].level} clients"
    return Saturation(level=None, peak=peak, limit=Limit.NOTHING, why=why)


def _short_of_its_rate(points: Sequence[Point]) -> int | None:
    """The first step at which a service answers less than it is asked."""
    return next((n for n, point in enumerate(points) if point.throughput < (point.rate or 0.0) * (1 - FLAT)), None)


def _full_from(points: Sequence[Point]) -> int | None:
    """The first of the steps up to the last in all of which the load generator has no time left."""
    full = [_is_full(point) for point in points]
    return next((place for place in range(len(points)) if all(full[place:])), None)


def _is_full(point: Point) -> bool:
    if point.load is None or point.service is None:
        return False
    wanted = point.load
    if point.load_waiting is not None and point.service_waiting is not None:
        wanted += point.load_waiting + point.service + point.service_waiting
    return wanted >= AT_LIMIT and point.service < point.load / 2


def _flat(points: Sequence[Point]) -> int | None:
    """The first step that is as good as the best one; None where the last one still grows, so that none was best."""
    peak = max(point.throughput for point in points)
    if len(points) < 2 or points[-1].throughput > max(point.throughput for point in points[:-1]) * (1 + FLAT):
        return None
    return next(place for place, point in enumerate(points) if point.throughput * (1 + FLAT) >= peak)


def limited_by(point: Point, cores: int) -> tuple[Limit, str]:
    """What was exhausted at one step, and the clause that shows it."""
    service, load, machine = point.service, point.load, point.machine
    if service is None or load is None or machine is None:
        return Limit.UNKNOWN, "the CPU of the service and of its load was not measured"
    used = f"the service uses {service:.1f} of {_cores(cores)}, its load {load:.1f}"
    if (starved := _starved(point)) is not None:
        return Limit.GENERATOR, f"{starved}; {used}"
    if _is_full(point):
        waiting = point.load_waiting or 0.0
        queue = f", and queues for {waiting:.1f} more" if waiting >= 1 - AT_LIMIT else ""
        return Limit.GENERATOR, f"the load generator is at its limit: {used}{queue}"
    if machine >= FULL * cores and (foreign := machine - service - load) >= FOREIGN * cores:
        return Limit.OTHERS, f"{used}, other programs {foreign:.1f}"
    if machine >= FULL * cores:
        return Limit.MACHINE, f"every core is busy: {used}"
    return _beside_idle_cores(service, load, used)


def _beside_idle_cores(service: float, load: float, used: str) -> tuple[Limit, str]:
    if load >= AT_LIMIT:
        return Limit.GENERATOR, f"the load generator may be at its limit: {used}"
    if AT_LIMIT <= service <= 1 + FLAT:
        return Limit.PROGRAM, f"it keeps one core busy and no more: {used}"
    return Limit.PROGRAM, f"it waits while cores are idle: {used}"


def _starved(point: Point) -> str | None:
    """By Little's law: how few of the clients wait for the service; None where most do, or latency is not known."""
    if point.latency is None:
        return None
    waiting = point.throughput * point.latency
    if waiting >= WAITING * point.level:
        return None
    clients = "1 client" if point.level == 1 else f"{point.level} clients"
    return f"of {clients} {waiting:.1f} wait for the service, the others for the load generator"


def _cores(count: int) -> str:
    return f"{count} core" if count == 1 else f"{count} cores"
