"""Signals that ask heapswap to end."""

import os
import signal

import pytest

from heapswap.cli.interruption import ENDING, ended_in_order
from heapswap.errors import INTERRUPTED, Terminated, status_after


@pytest.mark.parametrize("number", ENDING)
def test_the_first_signal_ends_the_body_and_later_ones_change_nothing(number: signal.Signals) -> None:
    cleaned = []

    def body() -> None:
        with ended_in_order():
            try:
                os.kill(os.getpid(), number)
                pytest.fail("the body went on")
            finally:
                os.kill(os.getpid(), number)
                os.kill(os.getpid(), signal.SIGTERM)
                cleaned.append(number)

    before = signal.getsignal(number)
    with pytest.raises(Terminated) as ended:
        body()
    assert cleaned == [number]
    assert status_after(ended.value) == 128 + number
    assert signal.getsignal(number) is before


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_in_order():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_keeps_its_own_status() -> None:
    assert status_after(KeyboardInterrupt()) == INTERRUPTED
