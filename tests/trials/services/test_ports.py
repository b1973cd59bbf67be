"""Ports that nobody listens on."""

import socket
from pathlib import Path

import pytest

from heapswap.errors import CannotGoOn
from heapswap.trials.services.ports import can_be_bound, free_port, port_for


def test_a_free_port_is_not_one_that_connections_get() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(20):
        port = free_port()
        assert 10_240 <= port < first
        assert can_be_bound(port)


def test_a_port_that_somebody_listens_on_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotGoOn, match=f"^port {port} is taken: another program listens on it; end that one"):
            port_for(port)
    assert port_for(port) == port
    assert port_for(0) != 0
