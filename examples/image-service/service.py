"""An image service with threads: a picture is decoded, resized and encoded again, each request in a thread of its own.

Pillow lets go of Python's lock meanwhile, so that threads allocate at the same time: large buffers, of many sizes.
"""

import io
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image


def upload(number: int) -> bytes:
    """A JPEG, larger with its number."""
    size = (320 + 160 * number, 240 + 120 * number)
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, "JPEG")
    return file.getvalue()


UPLOADS = [upload(number) for number in range(4)]


def thumbnail(number: int) -> bytes:
    """A smaller JPEG of one of the pictures."""
    picture = Image.open(io.BytesIO(UPLOADS[number % len(UPLOADS)])).convert("RGB")
    file = io.BytesIO()
    picture.resize((160 + number % 80, 120)).save(file, "JPEG")
    return file.getvalue()


class Thumbnails(BaseHTTPRequestHandler):
    """``/thumbnail/NUMBER``."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    """headers and picture in one packet"""
    served = 0

    def do_GET(self) -> None:
        """Every request of a connection asks for the next picture."""
        self.served += 1
        body = thumbnail(self.served)
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_: object) -> None:
        """A line a request would be most of what is measured."""


class Server(ThreadingHTTPServer):
    """As it is, and ended without waiting for connections that stay open."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A load generator closes its connections in the middle of an answer."""


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Thumbnails) as server:
        server.serve_forever()
