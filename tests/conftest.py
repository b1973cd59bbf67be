"""What every test process starts with."""

import signal

from hypothesis import settings

# How long an example takes is the machine's to say.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_configure() -> None:
    """Let the tests end what they start: a shell's background job has SIGINT and SIGQUIT ignored, what nohup starts
    has SIGHUP ignored, and so would every program under test.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
