"""perf, run beside a process: CPU time sampled by the clock of its threads, and their switches.

Each sample carries the top of the stack's bytes, and perf walks it afterwards by the tables that exceptions need: frame
pointers are not asked for. Nothing is written anywhere but into the folder given.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from heapswap.errors import CannotGoOn
from heapswap.profiling.outside.script import CLOCK, SWITCHES, Sample, Switch, events

PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
FREQUENCIES = (499, 199, 97, 47)
"""samples a second of CPU time, primes, so that no timer of the program keeps step with them"""
SAMPLES = 60_000
"""more are not asked for: a rarer frequency is taken for a program on many processors"""
_STACK = 1024
"""bytes: malloc's own frames are small, and its caller is all that has to be found"""
_FRAMES = 40
_LARGEST = "512M"
"""where perf stops writing"""
_ENDS = 10.0
"""seconds within which perf ends when it was told to"""


def frequency(seconds: float, processors: float) -> int:
    """Samples a second of CPU time, for so long and so many processors in use."""
    return next((one for one in FREQUENCIES if one * seconds * processors <= SAMPLES), FREQUENCIES[-1])


def sees_kernel() -> bool:
    """Whether this user may see what processes do in the kernel.

    Raises:
        CannotGoOn: perf may not be used at all.
    """
    try:
        paranoid = int(PARANOID.read_text())
    except (OSError, ValueError):  # a kernel without them, or a sandbox: perf itself says what is the matter
        return True
    if os.geteuid() == 0 or paranoid <= 1:
        return True
    if paranoid > 2:
        raise CannotGoOn(
            f"kernel.perf_event_paranoid is {paranoid}: perf is for root only; run this as root, or set it to 1"
        )
    return False


class Recording:
    """One run of perf beside a process.

    Raises:
        CannotGoOn: perf is missing.
    """

    def __init__(self, process: int, folder: Path) -> None:
        found = shutil.which("perf")
        if found is None:
            raise CannotGoOn("perf is not installed; install it (Debian: linux-perf, Ubuntu: linux-tools-generic)")
        self._perf, self._process, self._data = found, process, folder / "perf.data"
        # perf keeps nothing of its own at home, and asks no server for symbols.
        self._environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": str(folder)}

    def run(self, seconds: float, samples: int, *, kernel: bool, meanwhile: Callable[[], float]) -> None:
        """Record for so long.

        Args:
            samples: a second of CPU time.
            kernel: whether the kernel is seen, and with it the switches.
            meanwhile: called again and again; answers after how many seconds it wants to be called again.

        Raises:
            CannotGoOn: perf refused.
        """
        chosen = ["-e", CLOCK, "-e", SWITCHES, "--switch-events"] if kernel else ["-e", f"{CLOCK}:u"]
        command = [self._perf, "record", "-q", "-N", "-F", str(samples), *chosen, "--call-graph", f"dwarf,{_STACK}"]
        command += [f"--max-size={_LARGEST}", "-o", str(self._data), "-p", str(self._process)]
        command += ["--", "sleep", f"{seconds:.3f}"]
        perf = subprocess.Popen(
            command, env=self._environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            end = time.monotonic() + seconds + _ENDS
            while True:
                try:
                    said = perf.communicate(timeout=max(meanwhile(), 0.01))[1]
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() > end:
                        perf.terminate()
        finally:
            if perf.poll() is None:
                perf.kill()
                perf.wait()
        if not self._data.exists() or self._data.stat().st_size == 0:
            lines = said.decode(errors="replace").split("\n")
            reason = next(
                (line.strip() for line in lines if line.strip() and line.strip() != "Error:"), "no reason given"
            )
            raise CannotGoOn(f"perf could not observe process {self._process}: {reason}")

    def events(self) -> Iterator[Sample | Switch]:
        """What was recorded, in order."""
        fields = "pid,tid,time,event,period,ip,sym,dso"
        command = [self._perf, "script", "-i", str(self._data), "--no-inline", "--ns", f"--max-stack={_FRAMES}"]
        command += ["--show-switch-events", "-F", fields]
        with subprocess.Popen(
            command,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
        ) as perf:
            assert perf.stdout is not None
            yield from events(perf.stdout)
