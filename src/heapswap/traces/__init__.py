"""Traces: every allocation of one run in a file, read in bounded memory however large the file is."""
