"""A service of a few lines: it answers every line with one, and has the fault that it is told to have.

usage: service.py PORT [FAULT]
"""

import os
import signal
import socketserver
import sys
import time

PORT, FAULT = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""


kept: list[list[bytes]] = []


class Answer(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            if line.startswith(b"GET"):
                self.wfile.write(b"HTTP/1.0 204 No Content\r\n\r\n")
                return
            concurrency = int(line)
            if FAULT == "dies" and concurrency == 3:
                print("the third step was too much", file=sys.stderr, flush=True)
                os.kill(os.getpid(), signal.SIGSEGV)
            used = [bytes(1000) for _ in range(100)]
            if FAULT == "leaks":
                kept.append(used)
            self.wfile.write(b"error\n" if FAULT == "errs" else b"ok\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if FAULT == "exits":
    sys.exit("there is no configuration")
if FAULT == "hangs":
    print("waiting for the database", file=sys.stderr, flush=True)
    time.sleep(1000)
if FAULT == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if FAULT == "daemon" and os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    os._exit(0)
if FAULT == "leaves" and os.fork() != 0:
    os._exit(0)
with Server(("127.0.0.1", PORT), Answer) as server:
    print("listening", flush=True)
    server.serve_forever()
