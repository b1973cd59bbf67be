"""musl's own allocator: one lock, no thread cache, and nothing to configure."""

from heapswap.allocators.model import Allocator

FAMILY = Allocator(
    name="musl",
    summary="the C library's own allocator on musl: compact, one lock for all threads, no knobs",
    upstream="https://musl.libc.org",
)
