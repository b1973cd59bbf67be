"""Chromium without a window, driven over its own pipe (Chrome DevTools Protocol): a page from disk, the network off."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = "chromium"
_AT_3_AND_4 = """
import fcntl, os, sys
first, second = (fcntl.fcntl(int(word), fcntl.F_DUPFD, 10) for word in sys.argv[1:3])
os.dup2(first, 3)
os.dup2(second, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""the browser expects what it reads at descriptor 3 and what it writes at 4"""


@dataclass
class Browser:
    """One tab."""

    _to: int
    _from: int
    session: str = ""
    errors: list[str] = field(default_factory=list)
    """what the console complained of, and every request that was not for the page itself"""
    _number: int = 0
    _buffer: bytes = b""

    def call(self, method: str, **parameters: object) -> Any:
        """One command of the protocol, and its answer."""
        self._number += 1
        words: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            words["sessionId"] = self.session
        data = json.dumps(words).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while (message := self._next()).get("id") != self._number:
            self._note(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def open(self, file: Path, *, width: int = 1280, height: int = 900, theme: str = "light") -> float:
        """Load a file and wait until every chart is drawn; the milliseconds from navigation until then."""
        is_phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if is_phone else 1,
            mobile=is_phone,
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        self.call("Page.navigate", url=file.resolve().as_uri())
        took: float = self.evaluate(
            """new Promise((done, failed) => {
                const look = () => {
                    if (location.protocol !== "file:" || document.readyState !== "complete")
                        return setTimeout(look, 20);
                    const charts = document.querySelectorAll(".chart").length;
                    if (charts && document.documentElement.dataset.ready !== "yes") return setTimeout(look, 20);
                    done(performance.now());
                };
                look();
            })"""
        )
        return took

    def press(self, key: str, code: int = 0) -> None:
        """One key, down and up."""
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text)

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """The page as a picture."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            read = os.read(self._from, 1 << 20)
            if not read:
                raise RuntimeError("the browser ended")
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded

    def _note(self, message: Mapping[str, Any]) -> None:
        told = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(str(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                self.errors.append(str(told["args"]))
            case "Log.entryAdded":
                self.errors.append(str(told["entry"]))
            case "Network.requestWillBeSent" if not told["request"]["url"].startswith(("file:", "data:", "blob:")):
                self.errors.append(f"request of {told['request']['url']}")


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser whose profile lies in `folder`; it is ended afterwards.

    Raises:
        RuntimeError: chromium is not installed.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise RuntimeError(f"{PROGRAM} is not installed; run: scripts/system-packages bench")
    into, out = os.pipe(), os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _AT_3_AND_4, str(into[0]), str(out[1]), program, "--headless"),
            *("--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio"),
            *("--disable-dev-shm-usage", "--disable-background-networking", f"--user-data-dir={folder}", "about:blank"),
        ],
        pass_fds=(into[0], out[1]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(into[0])
    os.close(out[1])
    try:
        tab = Browser(_to=into[1], _from=out[0])
        target = tab.call("Target.createTarget", url="about:blank")["targetId"]
        tab.session = tab.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            tab.call(f"{domain}.enable")
        tab.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        yield tab
        tab.session = ""
        tab.call("Browser.close")
    finally:
        os.close(into[1])
        os.close(out[0])
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
