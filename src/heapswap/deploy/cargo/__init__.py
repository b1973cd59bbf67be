"""``deploy cargo``: a choice of allocators as Cargo features, guarded, pinned, and in one small module."""
