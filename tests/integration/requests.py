"""Loads `serving.c`: ``requests.py PORT CLIENTS SECONDS [adding | in-turns]``, or ``requests.py PORT once``.

Two ways for a load to be its own limit: each client adds up numbers between two requests, in one core; or all of them
wait for each other, 20 ms a request.
"""

import socket
import sys
import threading
import time

port, clients = int(sys.argv[1]), sys.argv[2]
limit = sys.argv[4] if len(sys.argv) > 4 else ""
waits: list[float] = []
turn = threading.Lock()


def ask(connection: socket.socket) -> None:
    before = time.perf_counter()
    connection.sendall(b"x")
    if connection.recv(1) != b"x":
        sys.exit("the service does not answer")
    waits.append(time.perf_counter() - before)


def client(until: float) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            if limit == "adding":
                sum(range(20_000))
            elif limit == "in-turns":
                with turn:
                    time.sleep(0.02)
            ask(connection)
            if time.perf_counter() >= until:
                break


began = time.perf_counter()
if clients == "once":
    client(began)
else:
    threads = [threading.Thread(target=client, args=(began + float(sys.argv[3]),)) for _ in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
took = time.perf_counter() - began
print(f"throughput: {len(waits) / took:.3f}")
print(f"latency: {1000 * sum(waits) / len(waits):.4f} ms")
print(f"requests: {len(waits)}")
