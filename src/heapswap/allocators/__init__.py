"""What exists: allocator families, the libraries found here, and how a candidate is spelled and activated."""
