"""What `heapswap inspect Cargo.toml` prints, at 80 columns."""

from heapswap.cargo.model import Choice, Declaration, Program, ProjectInspection, Standing
from heapswap.findings import Finding, Level
from heapswap.report.project import project_text


def declaration(line: int, type_: str, feature: str) -> Declaration:
    return Declaration(
        package="app",
        version="0.1.0",
        crate="app (bin)",
        file="/data/me/app/src/main.rs",
        line=line,
        name="GLOBAL",
        type=type_,
        family="",
        condition=f'feature = "{feature}"',
        standing=Standing.FEATURE,
    )


APP = Program(
    package="app",
    name="app",
    kind="bin",
    choices=(
        Choice(features=(), allocator="system"),
        Choice(features=("fast",), allocator="mimalloc", declared="/data/me/app/src/main.rs:3"),
        Choice(features=("odd",), allocator="", declared=""),
    ),
)
INSPECTION = ProjectInspection(
    manifest="/data/me/app/Cargo.toml",
    target="x86_64-unknown-linux-gnu",
    packages=12,
    programs=(APP,),
    declarations=(declaration(3, "mimalloc::MiMalloc", "fast"),),
    findings=(Finding(code="x", level=Level.WARNING, seen="seen in /data/me/app/src/main.rs:3", remedy="mend it"),),
)


def test_one_program() -> None:
    assert (
        project_text(INSPECTION, width=80)
        == """\
app (bin) is served by the system's allocator; the features fast, odd would
change that.

Programs
  app (bin) of app: the system's allocator
    with fast: mimalloc, declared at src/main.rs:3
    with odd: nothing (no build)

Declarations of a global allocator
  src/main.rs:3 GLOBAL: mimalloc::MiMalloc
    app (bin) of app 0.1.0, if feature = "fast"; only with a feature that is
      off by default

Conflicts
  warning: seen in src/main.rs:3
    -> mend it

Judged for x86_64-unknown-linux-gnu, from the sources of 12 packages.
"""
    )


def test_several_programs_are_counted() -> None:
    inspection = ProjectInspection(
        manifest="/w/Cargo.toml", target="t", packages=1, programs=(APP, APP), declarations=(), findings=()
    )
    first = project_text(inspection, width=120).splitlines()[0]
    assert first == "2 programs served: 2 by the system's allocator; the features fast, odd would change that."


def test_a_library_leaves_the_choice_to_others() -> None:
    inspection = ProjectInspection(manifest="/w/Cargo.toml", target="t", packages=1, programs=(), declarations=())
    first = project_text(inspection, width=120).splitlines()[0]
    assert first == "/w/Cargo.toml builds no program: whoever links its library chooses the allocator."
