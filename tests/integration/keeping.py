"""`serving.c` in Python, as far as it keeps memory: usage keeping.py PORT (leak | chain | retain | steady)."""

import itertools
import socketserver
import sys

LOST: list[bytearray] = []
CHAIN: tuple[object, ...] = ()
BUFFERS = 400
SIZES = itertools.count(16384, 1024)


def leak() -> None:
    LOST.extend(bytearray(4096) for _ in range(256))


def chain() -> None:
    """A leak of small objects alone, 64 bytes each: Python does not ask malloc for them."""
    global CHAIN  # noqa: PLW0603 - it is to stay
    for _ in range(16384):
        CHAIN = (CHAIN,)


def retain() -> None:
    """Buffers that are shrunk to 64 bytes; the next request needs larger ones."""
    size = next(SIZES)
    mine = [bytearray(size) for _ in range(BUFFERS)]
    for buffer in mine:
        del buffer[64:]
    LOST.extend(mine)


def steady() -> None:
    sum(len(bytearray(4096)) for _ in range(2048))


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while self.request.recv(1):
            globals()[sys.argv[2]]()
            self.request.sendall(b"x")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    server.serve_forever()
