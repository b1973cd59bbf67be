"""Ports that nobody listens on."""

import contextlib
import secrets
import socket
from pathlib import Path

from heapswap.errors import CannotGoOn

HOST = "127.0.0.1"
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_240
_USUAL_END = 32_768
_TRIES = 200


def free_port() -> int:
    """A port of this machine that can be bound, outside the range that the kernel gives to connections: there a load
    generator's own connections could take it before the service does.

    Raises:
        CannotGoOn: none was found.
    """
    end = _USUAL_END
    with contextlib.suppress(OSError, ValueError, IndexError):
        end = int(_RANGE.read_text().split()[0])
    if end - _LOWEST < _TRIES:  # somebody has given nearly everything to connections
        return _any_port()
    for _ in range(_TRIES):
        port = _LOWEST + secrets.randbelow(end - _LOWEST)
        if can_be_bound(port):
            return port
    raise CannotGoOn(f"no free port was found in {_TRIES} tries below {end}; give one with `port`")


def port_for(given: int) -> int:
    """The port of a run: the one that was given, or a free one where that is 0.

    Raises:
        CannotGoOn: somebody listens on it.
    """
    if not given:
        return free_port()
    if not can_be_bound(given):
        raise CannotGoOn(
            f"port {given} is taken: another program listens on it; end that one, or leave `port` out to have a free "
            "one chosen for every run"
        )
    return given


def can_be_bound(port: int) -> bool:
    """Whether a service could listen on this port now, on every address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that lingers is no listener
        try:
            probe.bind(("", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
    return port
