"""pytest's own files stand in for the standard descriptors while a conftest.py is read: give them back before an exec.

pytest loads this by its entry point, so that ``heapswap.global_allocator(…)`` works as the first line of a conftest.py.
"""

from collections.abc import Generator

import pytest

from heapswap.runtime.descriptors import givers_back, spoken_for


# The old form of a wrapper: every pytest that may be installed beside heapswap knows it.
@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Around the reading of the first conftest files: a re-execution ends the capture, which restores what it took."""

    def end_capture() -> None:
        capture = early_config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            capture.stop_global_capturing()

    givers_back.append(end_capture)
    try:
        yield
    finally:
        givers_back.remove(end_capture)


def pytest_sessionstart() -> None:
    """From here on the page of the session is being written: a second execution would begin it once more."""
    spoken_for.append("the test session has begun; declare it in the conftest.py at the root of the tests")
