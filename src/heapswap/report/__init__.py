"""Reads results and shows them; nothing imports this room but cli."""
