"""Ramps whose bottleneck is known."""

from hypothesis import given
from hypothesis import strategies as st

from heapswap.scaling.model import Limit, Point
from heapswap.scaling.saturation import FLAT, limited_by, saturation


def ramp(*throughput: float, service: float = 1.0, load: float = 0.2, machine: float = 1.3) -> list[Point]:
    return [
        Point(level=2**place, throughput=value, service=service, load=load, machine=machine)
        for place, value in enumerate(throughput)
    ]


def test_the_first_step_that_is_as_good_as_the_best_is_saturated() -> None:
    found = saturation(ramp(1000, 1800, 2000, 2010), cores=4)
    assert (found.level, found.peak) == (4, 2010)


def test_a_service_of_one_thread_is_saturated_by_one_client() -> None:
    found = saturation(ramp(1000, 1020, 1010), cores=4)
    assert (found.level, found.limit) == (1, Limit.PROGRAM)
    assert "one core busy" in found.why


def test_a_ramp_that_comes_down_again_is_saturated_at_its_top() -> None:
    assert saturation(ramp(1000, 1900, 1500, 900), cores=4).level == 2


def test_what_still_grows_is_not_saturated_and_nothing_is_blamed() -> None:
    found = saturation(ramp(1000, 1500, 2200, 3100), cores=4)
    assert (found.level, found.limit) == (None, Limit.NOTHING)
    assert found.why == "throughput still grows at 8 clients"


def test_one_step_shows_nothing() -> None:
    assert saturation(ramp(1000), cores=4).limit is Limit.NOTHING


@given(st.lists(st.floats(1, 1e6), min_size=2, max_size=8))
def test_at_the_step_named_throughput_is_the_highest_up_to_the_margin(values: list[float]) -> None:
    points = ramp(*values)
    found = saturation(points, cores=4)
    if found.level is None:
        assert values[-1] > max(values[:-1])
    else:
        at = next(point for point in points if point.level == found.level)
        assert at.throughput * (1 + FLAT) >= max(values)


def point(service: float, load: float, machine: float, *, latency: float | None = None) -> Point:
    return Point(level=8, throughput=1000, service=service, load=load, machine=machine, latency=latency)


def test_every_core_busy_is_the_machine() -> None:
    assert limited_by(point(1.2, 0.7, 1.95), cores=2)[0] is Limit.MACHINE


def test_other_programs_are_named() -> None:
    limit, why = limited_by(point(0.9, 0.2, 2.0), cores=2)
    assert limit is Limit.OTHERS
    assert "other programs 0.9" in why


def test_a_generator_that_has_no_time_left_is_the_limit() -> None:
    limit, why = limited_by(point(0.3, 0.98, 1.35), cores=4)
    assert limit is Limit.GENERATOR
    assert "at its limit" in why


def test_the_generator_is_the_limit_on_a_full_machine_too_where_the_service_does_little() -> None:
    assert limited_by(point(0.3, 1.6, 2.0), cores=2)[0] is Limit.GENERATOR


def crowded(
    load: float, queue: float | None, *, service: float = 0.03, its_queue: float = 0.0, throughput: float = 1000
) -> Point:
    """Beside other programs on two cores."""
    return Point(
        level=4,
        throughput=throughput,
        service=service,
        load=load,
        machine=2.0,
        service_waiting=its_queue,
        load_waiting=queue,
    )


def test_beside_other_programs_a_generator_that_is_never_idle_is_the_limit() -> None:
    """It queues for a core whenever it is on none, and the service hardly needs one."""
    limit, why = limited_by(crowded(0.46, 0.49), cores=2)
    assert limit is Limit.GENERATOR
    assert why.endswith("the service uses 0.0 of 2 cores, its load 0.5, and queues for 0.5 more")
    assert limited_by(crowded(0.46, 0.2), cores=2)[0] is Limit.OTHERS  # it pauses
    assert limited_by(crowded(0.46, None), cores=2)[0] is Limit.OTHERS  # not known
    assert limited_by(crowded(0.46, 1.4, service=0.4), cores=2)[0] is Limit.OTHERS  # the service needs as much


def test_a_service_that_queues_for_the_little_it_does_leaves_the_limit_with_its_generator() -> None:
    """One client: the generator pauses only while the service is kept from answering."""
    assert limited_by(crowded(0.35, 0.35, its_queue=0.2), cores=2)[0] is Limit.GENERATOR


def test_a_full_generator_is_found_at_the_steps_where_clients_keep_it_full() -> None:
    ramp = [crowded(0.4, 0.3), crowded(0.4, 1.2), crowded(0.4, 3.0)]
    assert saturation(ramp, cores=2).limit is Limit.GENERATOR
    assert saturation([*ramp[:2], crowded(0.4, 0.1)], cores=2).limit is Limit.OTHERS


def test_what_other_programs_leave_a_full_generator_is_no_growth() -> None:
    grows = [crowded(0.3 + 0.1 * n, 0.7, throughput=1000 + 100 * n) for n in range(3)]
    assert (saturation(grows, cores=2).level, saturation(grows, cores=2).limit) == (4, Limit.GENERATOR)
    # One of several threads does grow.
    threads = [crowded(0.9 + n, 0.0, throughput=1000 + 900 * n) for n in range(3)]
    assert saturation(threads, cores=4).limit is Limit.NOTHING


def test_clients_that_do_not_wait_for_the_service_leave_it_to_the_generator() -> None:
    limit, why = limited_by(point(0.2, 0.1, 0.4, latency=0.001), cores=2)
    assert limit is Limit.GENERATOR
    assert why.startswith("of 8 clients 1.0 wait for the service")


def test_a_program_that_waits_beside_idle_cores_is_the_limit_itself() -> None:
    limit, why = limited_by(point(0.4, 0.2, 0.7, latency=0.008), cores=4)
    assert limit is Limit.PROGRAM
    assert "waits" in why


def test_without_cpu_nothing_is_named() -> None:
    assert limited_by(Point(level=8, throughput=1000), cores=2)[0] is Limit.UNKNOWN


def paced(*answers: float) -> list[Point]:
    return [
        Point(level=8, throughput=value, rate=1000.0 * (place + 1), service=1.0, load=0.1, machine=1.2)
        for place, value in enumerate(answers)
    ]


def test_a_paced_ramp_is_saturated_where_it_answers_less_than_it_is_asked() -> None:
    assert saturation(paced(1000, 1990, 3000), cores=4).limit is Limit.NOTHING
    found = saturation(paced(1000, 1990, 2400), cores=4)
    assert (found.level, found.limit) == (8, Limit.PROGRAM)
