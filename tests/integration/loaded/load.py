"""A load generator of a few lines.

usage: load.py PORT CONCURRENCY REQUESTS [RATE]
"""

import socket
import statistics
import sys
import threading
import time

PORT, CONCURRENCY, REQUESTS = (int(word) for word in sys.argv[1:4])
RATE = float(sys.argv[4]) if len(sys.argv) > 4 else None
took: list[float] = []
errors: list[int] = []


def client() -> None:
    with socket.create_connection(("127.0.0.1", PORT)) as connection, connection.makefile("rwb") as stream:
        for number in range(REQUESTS):
            if RATE:
                time.sleep(max(0.0, started + number * CONCURRENCY / RATE - time.perf_counter()))
            before = time.perf_counter()
            stream.write(b"%d\n" % CONCURRENCY)
            stream.flush()
            if stream.readline() != b"ok\n":
                errors.append(number)
            took.append(time.perf_counter() - before)


started = time.perf_counter()
threads = [threading.Thread(target=client) for _ in range(CONCURRENCY)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
quantiles = statistics.quantiles(took, n=100)
print(f"throughput: {len(took) / (time.perf_counter() - started)}")
print(f"requests: {len(took)}\nerrors: {len(errors)}\np50: {quantiles[49]} s\np99: {quantiles[98]} s")
