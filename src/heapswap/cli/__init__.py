"""Composes the rooms: one file a verb."""
