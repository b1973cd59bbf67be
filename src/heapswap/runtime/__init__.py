"""In the user's own process: the declaration of its allocator, what that says of its memory, and others as objects."""
