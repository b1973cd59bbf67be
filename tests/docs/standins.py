"""What the pages call by a name that the reader has and a fresh folder has not: a service, a project, saved answers."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heapswap import native
from tests.docs.console import text_of
from tests.docs.pages import ROOT
from tests.report.artifacts import SAVED

COMPLETE = ("tutorial.md",)
"""pages that lay down everything themselves"""
WORKS = "total = sum(len(str(number) * 3) for number in range(20_000))\n"
SERVICE = f"""import sys, time
{WORKS}
if "--once" not in sys.argv and "--self-test" not in sys.argv:
    time.sleep(1)
"""
SERVER = f"""#!{sys.executable}
import sys
if "--listen" in sys.argv:
    from http.server import HTTPServer, SimpleHTTPRequestHandler
    HTTPServer(("127.0.0.1", int(sys.argv[2])), SimpleHTTPRequestHandler).serve_forever()
{SERVICE}"""
DOCKERFILE = """FROM python:3.12-slim
COPY . /app
CMD ["gunicorn", "shop:app"]
"""
MAIN = 'fn main() {\n    let text: String = std::env::args().collect();\n    println!("{}", text.len());\n}\n'
PACKAGE = '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n\n[[bench]]\nname = "parse"\nharness = false\n'
RUNNING = "import sys; print('ready', flush=True); sys.stdin.read()"


@contextmanager
def stand_in(page: str, folder: Path) -> Iterator[dict[str, str]]:
    """Lay down what pages name; what the page has laid down itself stays.

    Gives words of the page and what they become: the processes that a page calls by their number are one that waits
    until the page is done, and runs under the candidate that the page checks it for. A tutorial has all that it names.
    """
    if page in COMPLETE:
        yield {}
        return
    files = {"service.py": SERVICE, "server": SERVER, "Dockerfile": DOCKERFILE, "input.csv": "1,2\n"}
    for name, content in files.items():
        if not (folder / name).exists():
            (folder / name).write_text(content)
    (folder / "server").chmod(0o755)
    _answers(folder)
    for place in (folder, folder / "path" / "to", folder / "path" / "to" / "package"):
        _package(place)
    if page == "first-answer.md":
        shutil.copytree(ROOT / "corpus", folder / "corpus")
    shutil.copy(ROOT / "examples/json-api/app.py", folder)
    shutil.copy(native.required("mimalloc"), folder / "libmine.so")
    checked = re.search(r"heapswap check (\S+) --pid", text_of(page))
    candidate = checked.group(1) if checked else "snmalloc"
    command = [str(Path(sys.executable).with_name("heapswap")), "run", candidate, "--", sys.executable, "-c", RUNNING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        number = str(process.pid)
        try:
            yield {"4711": number, "5122": number, "--pid 1": f"--pid {number}"}
        finally:
            process.communicate("")


def _answers(folder: Path) -> None:
    """A trial and a verdict, where pages have them."""
    results = folder / "results"
    results.mkdir()
    for place in (folder, results):
        shutil.copy(SAVED["trial"], place / "trial.json")
        shutil.copy(SAVED["verdict"], place / "verdict.json")
    shutil.copy(SAVED["trial"], folder / "last-month.json")
    shutil.copy(ROOT / "tests/traces/golden/version_1.heap", folder / "service.heap")


def _package(folder: Path) -> None:
    """A Rust package with one program and one benchmark."""
    for name, text in (("Cargo.toml", PACKAGE), ("src/main.rs", MAIN), ("benches/parse.rs", MAIN)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
