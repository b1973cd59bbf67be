"""Standard descriptors that something has replaced for a while, and how it gives them back."""

from collections.abc import Callable

givers_back: list[Callable[[], None]] = []
"""called before the command is executed anew, which has to find the descriptors as they were at its start"""

spoken_for: list[str] = []
"""why it is too late to execute the command anew, said by what has begun its work already"""
