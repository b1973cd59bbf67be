"""Profile first, swap the allocator only when the data says so, prove the swap took effect, and keep it true."""

__version__ = "0.1.0"
