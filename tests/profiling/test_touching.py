"""What a first touch costs: measured on this machine, and put together."""

from heapswap.profiling.model import FirstTouch
from heapswap.profiling.touching import measure, widest


def test_a_touch_costs_something_and_ends() -> None:
    found = measure()
    assert found is None or (0 < found.huge < 1 and 0 < found.small < 1)


def test_of_two_measurements_the_widest_is_taken() -> None:
    quiet, busy = FirstTouch(small=1.8e-6, huge=0.4e-6), FirstTouch(small=2.3e-6, huge=0.5e-6)
    assert widest(quiet, busy) == widest(busy, quiet) == FirstTouch(small=2.3e-6, huge=0.4e-6)
    assert widest(None, busy) is widest(busy, None) is None
