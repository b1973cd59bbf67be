"""In the user's own process: the declaration of its allocator, and allocators as objects beside it."""
