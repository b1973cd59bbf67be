"""What a choice changes in a service."""
