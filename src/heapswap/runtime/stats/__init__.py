"""What the allocator in force says of this process's memory, and how it is asked to give memory back."""
