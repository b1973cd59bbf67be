"""The declaration, the manifest and `heapswap check`, on real programs."""

from tests.acceptance.evidence import Evidence
from tests.acceptance.launcher import benchmark
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests

FORMS = "tests/integration/test_declaration.py"
SERVERS = "tests/integration/test_declaration_servers.py"
EITHER = "acceptance or not acceptance"


def startup(evidence: Evidence) -> Result:
    printed = benchmark(evidence, "declaration_startup")
    ratio, aim = printed["ratio_to_json"], printed["aim"]
    return Result(figure=f"{ratio:.2f} times import json, at most {aim:g}", held=ratio <= aim)


LINES = (
    Line(
        promise="global_allocator in script, -m, -c, -X dev, zipapp, venv with a linked python, multiprocessing: in "
        "force, executed once, right arguments, streams and exit status; refused where it would be wrong; switched off",
        measure=tests("forms", FORMS),
    ),
    Line(
        promise="the same in gunicorn with 2 workers, uvicorn, celery, pytest, a Jupyter kernel; uwsgi is refused",
        measure=tests("servers", "-m", EITHER, SERVERS),
    ),
    Line(
        promise="manifest: features, guards by simulated platforms, two active features refused with both places",
        measure=tests("manifest", "tests/test_manifest.py"),
    ),
    Line(
        promise="check: stripped preload, other build, other knob, library gone, static child, each named; exit status",
        measure=tests("check", "tests/inspection/test_drift.py", "tests/integration/test_check.py"),
    ),
    Line(promise="a declaration that is in force costs a start less than import json", measure=startup),
)
