"""In the user's own process: the declaration of its allocator, and what that allocator says of its memory."""
