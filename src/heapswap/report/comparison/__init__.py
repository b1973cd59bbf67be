"""Two artifacts of one kind: what changed from the older to the newer, in the same units, with intervals."""
