"""What a choice changes in an image."""
