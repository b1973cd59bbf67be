"""What a ramp of load says of each candidate, and what cycles of load and rest say of memory: pure, from numbers."""
