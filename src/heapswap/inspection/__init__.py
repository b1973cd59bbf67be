"""What is in use: which allocator a process, binary or wheel really has, on what evidence, and what conflicts."""
