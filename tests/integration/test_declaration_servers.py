"""`heapswap.global_allocator` in programs that others start: servers, workers, test runners, notebooks, embedders.

Each is started as its documentation says, with the declaration where docs/declaration.md puts it, and once more with
HEAPSWAP_DISABLE=1.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from heapswap import native
from tests.integration.test_declaration import ENTRY, REPORT

pytestmark = pytest.mark.acceptance  # a server takes seconds to start, and there are many

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LIBRARY = os.path.realpath(native.required("mimalloc"))
PATIENCE = 90.0
"""seconds after which a server that does not answer is called broken"""


@pytest.fixture(params=["in force", "turned off"])
def turned(request: pytest.FixtureRequest) -> str:
    """Both ways to start a program."""
    choice: str = request.param
    return choice


@pytest.fixture
def environ(tmp_path: Path, turned: str) -> dict[str, str]:
    (tmp_path / "telling.py").write_text(REPORT)
    found = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "STARTS": str(tmp_path / "starts"),
    }
    return found | ({"HEAPSWAP_DISABLE": "1"} if turned == "turned off" else {})


def is_as_turned(answer: dict[str, Any], turned: str) -> bool:
    """In force in the process that answered, and the program executed once more; or neither."""
    if turned == "turned off":
        return "libc.so" in answer["owner"] and (answer["mapped"], answer["starts"]) == (False, 1)
    return (os.path.realpath(answer["owner"]), answer["mapped"], answer["starts"]) == (LIBRARY, True, 2)


@contextmanager
def running(command: Sequence[str], environ: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that is asked to end, and has to end well."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environ, cwd=folder, stdout=log, stderr=log)
        try:
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            status = server.wait(PATIENCE)
    assert status in (0, -signal.SIGTERM), (folder / "log").read_text()


def fetch(path: Path, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the server at a Unix socket answers, as soon as it answers."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.05)
                continue
            client.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            received = b"".join(iter(lambda: client.recv(4096), b""))
        answer: dict[str, Any] = json.loads(received.partition(b"\r\n\r\n")[2])
        return answer
    raise AssertionError((path.parent / "log").read_text())


WSGI = """
from telling import report
def app(environ, start):
    start("200 OK", [])
    return [report(parent=__import__("os").getppid()).encode()]
"""
ASGI = """
from telling import report
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": report().encode()})
"""


def test_gunicorn_with_two_workers(tmp_path: Path, environ: dict[str, str], turned: str) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(ENTRY + "workers = 2\nbind = 'unix:server.sock'\n")
    (tmp_path / "service.py").write_text(WSGI)
    with running([str(BIN / "gunicorn"), "service:app"], environ, tmp_path) as server:
        answer = fetch(tmp_path / "server.sock", server)
        maps = Path(f"/proc/{server.pid}/maps").read_text()
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        served = [LIBRARY in Path(f"/proc/{child}/maps").read_text() for child in children]
    assert is_as_turned(answer, turned)
    assert answer["parent"] == server.pid
    assert (LIBRARY in maps, set(served)) == ((True, {True}) if turned == "in force" else (False, {False}))


def test_uvicorn(tmp_path: Path, environ: dict[str, str], turned: str) -> None:
    (tmp_path / "service.py").write_text(ENTRY + ASGI)
    with running([str(BIN / "uvicorn"), "service:app", "--uds", "server.sock"], environ, tmp_path) as server:
        answer = fetch(tmp_path / "server.sock", server)
    assert is_as_turned(answer, turned)
    assert answer["pid"] == server.pid
    assert answer["arguments"] == ["service:app", "--uds", "server.sock"]


CELERY = """
from celery import Celery
from telling import report
app = Celery("jobs", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = {
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control",
}
@app.task
def tell():
    return report()
"""


def test_a_celery_worker(tmp_path: Path, environ: dict[str, str], turned: str) -> None:
    for name in ("queue", "control", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "jobs.py").write_text(ENTRY + CELERY)
    ask = "from jobs import tell; print(tell.delay().get(timeout=80))"
    asking = environ | {"HEAPSWAP_DISABLE": "1", "STARTS": os.devnull}
    worker = [str(BIN / "celery"), "-A", "jobs", "worker", "--concurrency=2", "--without-mingle", "--without-gossip"]
    with running(worker, environ, tmp_path) as server:
        answered = subprocess.check_output([sys.executable, "-c", ask], env=asking, cwd=tmp_path)
        answer = json.loads(answered)
    assert is_as_turned(answer, turned), (tmp_path / "log").read_text()
    assert answer["pid"] != server.pid


PYTEST = """
from telling import report
def test_that_tells(capfd):
    print(report())
    with open("told", "w") as file:
        file.write(capfd.readouterr().out)
def test_that_fails():
    print("on failure")
    assert False, "as it has to"
"""


@pytest.mark.parametrize("form", ["pytest", "python -m pytest"])
def test_pytest_whose_capture_is_given_back(tmp_path: Path, environ: dict[str, str], turned: str, form: str) -> None:
    (tmp_path / "conftest.py").write_text(ENTRY)
    (tmp_path / "test_it.py").write_text(PYTEST)
    command = [str(BIN / "pytest")] if form == "pytest" else [sys.executable, "-m", "pytest"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("test session starts") == 1
    assert "on failure" in done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert is_as_turned(json.loads((tmp_path / "told").read_text()), turned)


def test_a_conftest_that_is_read_too_late_is_refused(tmp_path: Path) -> None:
    """The session's page has begun by then, and a second execution would begin it once more."""
    below = tmp_path / "below"
    below.mkdir()
    (below / "conftest.py").write_text("import heapswap\nheapswap.global_allocator('mimalloc')\n")
    (below / "test_it.py").write_text("def test_nothing():\n    pass\n")
    done = subprocess.run([str(BIN / "pytest")], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode not in (0, 1)
    assert done.stdout.count("test session starts") == 1
    assert "the test session has begun; declare it in the conftest.py at the root" in done.stdout + done.stderr


def test_a_jupyter_kernel(tmp_path: Path, environ: dict[str, str], turned: str) -> None:
    profile = tmp_path / ".ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text(ENTRY)
    ask = """
import os
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name="python3")
manager.start_kernel(env=dict(os.environ))
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=80)
def run(code):
    said = []
    client.execute_interactive(code, timeout=80, output_hook=lambda message: said.append(message["content"]))
    return "".join(content.get("text", content.get("evalue", "")) for content in said)
print(run("from telling import report; print(report())"), end="")
print(run("import heapswap; heapswap.global_allocator('snmalloc')"), end="")
client.stop_channels()
manager.shutdown_kernel()
"""
    done = subprocess.run([sys.executable, "-c", ask], env=environ, capture_output=True, text=True, check=True)
    told, _, second = done.stdout.partition("\n")
    assert is_as_turned(json.loads(told), turned), done.stderr
    if turned == "in force":
        assert "global allocator has already been set: mimalloc from" in second
    else:
        assert second == ""


def test_a_jupyter_cell_is_too_late_and_says_where_to_declare(tmp_path: Path) -> None:
    code = "import ipykernel, threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    code += "import heapswap\nheapswap.global_allocator('mimalloc')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "declare it in ipython_kernel_config.py" in done.stderr.splitlines()[-1]


def test_uwsgi_is_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    """The interpreter is the distribution's, inside uwsgi's process, which ends because it is given no application."""
    uwsgi = shutil.which("uwsgi")
    assert uwsgi is not None, "uwsgi is not installed: `apt-get install uwsgi-core uwsgi-plugin-python3`"
    (tmp_path / "service.py").write_text(
        "import heapswap\ntry:\n    heapswap.global_allocator('mimalloc')\nexcept Exception as error:\n"
        "    print('REFUSED', error, flush=True)\n"
    )
    packages = f"{ROOT / 'src'}:{Path(pytest.__file__).parents[1]}"
    done = subprocess.run(
        [uwsgi, "--plugin", "python3", "--socket", "s.sock", "--wsgi-file", "service.py", "--need-app"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": packages},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    refused = [line for line in (done.stdout + done.stderr).splitlines() if "REFUSED" in line]
    assert refused, done.stderr
    assert "this Python is embedded in uwsgi; start that under it: heapswap run mimalloc -- uwsgi" in refused[0]
