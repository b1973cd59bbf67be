"""What a choice changes in a Python project."""
