"""What a program asks of its allocator: the probe's files, and the profile they add up to."""
