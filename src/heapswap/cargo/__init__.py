"""Cargo projects: what `cargo` and the sources say about their global allocators, and builds of them."""
