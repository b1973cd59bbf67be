"""Loads `serving.c`: ``requests.py PORT CLIENTS SECONDS [BUSY]``, or ``requests.py PORT once`` for one request.

BUSY is how many numbers a client adds up between two requests: then the load is its own limit.
"""

import socket
import sys
import threading
import time

port, clients = int(sys.argv[1]), sys.argv[2]
waits: list[float] = []


def ask(connection: socket.socket) -> None:
    before = time.perf_counter()
    connection.sendall(b"x")
    if connection.recv(1) != b"x":
        sys.exit("the service does not answer")
    waits.append(time.perf_counter() - before)


def client(until: float, busy: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            sum(range(busy))
            ask(connection)
            if time.perf_counter() >= until:
                break


began = time.perf_counter()
if clients == "once":
    client(began, 0)
else:
    busy = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    threads = [threading.Thread(target=client, args=(began + float(sys.argv[3]), busy)) for _ in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
took = time.perf_counter() - began
print(f"throughput: {len(waits) / took:.3f}")
print(f"latency: {1000 * sum(waits) / len(waits):.4f} ms")
print(f"requests: {len(waits)}")
