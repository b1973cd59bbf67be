"""What a report says, whatever it is written in: a document is made of an artifact, and written by a format."""
