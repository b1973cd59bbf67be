"""In the user's own process: the declaration of its allocator."""
