"""What happens under each candidate: the design of a trial, its runs, and their statistics."""
