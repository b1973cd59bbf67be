"""What `heapswap inspect Cargo.toml` prints: who chooses the allocator of each program, and what excludes what."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rich.text import Text

from heapswap.cargo.model import SYSTEM, Choice, Declaration, Program, ProjectInspection, Standing
from heapswap.findings import Finding
from heapswap.report.figures import count
from heapswap.report.findings import finding_lines
from heapswap.report.lines import heading, paragraph
from heapswap.report.terminal import Colour, render

_STANDING = {
    Standing.ACTIVE: "it serves every build",
    Standing.FEATURE: "only with a feature that is off by default",
    Standing.OTHER_TARGET: "not on this platform",
    Standing.CUSTOM: "whether it is compiled is decided by the build itself",
    Standing.MACRO: "in the body of a macro: it declares something only where that is used",
}


def project_text(inspection: ProjectInspection, *, width: int, colour: Colour = Colour.NEVER) -> str:
    """One project at `width` columns; paths inside it are shown from its folder."""
    folder = str(Path(inspection.manifest).parent) + "/"
    lines = paragraph(_answer(inspection), width, style="bold")
    if inspection.programs:
        lines += heading("Programs")
        for program in inspection.programs:
            lines += _program_lines(program, folder, width)
    if inspection.declarations:
        lines += heading("Declarations of a global allocator")
        for declaration in inspection.declarations:
            lines += _declaration_lines(declaration, folder, width)
    if inspection.findings:
        lines += heading("Conflicts")
        lines += finding_lines(_from(inspection.findings, folder), width)
    read = count(inspection.packages, "package")
    lines += [Text(), *paragraph(f"Judged for {inspection.target}, from the sources of {read}.", width, style="dim")]
    return render(lines, colour)


def _answer(inspection: ProjectInspection) -> str:
    name = inspection.manifest
    if not inspection.programs:
        return f"{name} builds no program: whoever links its library chooses the allocator."
    by_default = Counter(_served(program.choices[0]) for program in inspection.programs)
    if len(inspection.programs) == 1:
        program = inspection.programs[0]
        told = f"{program.name} ({program.kind}) {_built(program.choices[0])}"
    else:
        parts = (f"{number} by {served}" for served, number in by_default.most_common())
        told = f"{count(len(inspection.programs), 'program')} served: {', '.join(parts)}"
    features = {feature for program in inspection.programs for choice in program.choices for feature in choice.features}
    others = f"; {_features(sorted(features))} would change that" if features else ""
    return f"{told}{others}."


def _features(names: list[str]) -> str:
    return f"the feature {names[0]}" if len(names) == 1 else f"the features {', '.join(names)}"


def _program_lines(program: Program, folder: str, width: int) -> list[Text]:
    first, *others = program.choices
    title = f"{program.name} ({program.kind}) of {program.package}: {_served(first)}{_declared(first, folder)}"
    lines = paragraph(title, width, first="  ", rest="      ")
    for choice in others:
        told = f"with {' and '.join(choice.features)}: {_served(choice)}{_declared(choice, folder)}"
        lines += paragraph(told, width, first="    ", rest="      ")
    return lines


def _declaration_lines(declaration: Declaration, folder: str, width: int) -> list[Text]:
    place = f"{declaration.file.removeprefix(folder)}:{declaration.line}"
    typed = f"{declaration.name}: {declaration.type}" if declaration.name else "no static: rustc refuses it"
    owner = f"{declaration.crate} of {declaration.package} {declaration.version}"
    condition = f", if {declaration.condition}" if declaration.condition else ""
    return [
        *paragraph(f"{place}  {typed}", width, first="  ", rest="      "),
        *paragraph(f"{owner}{condition}; {_STANDING[declaration.standing]}", width, first="    ", rest="      "),
    ]


def _built(choice: Choice) -> str:
    return "cannot be built" if not choice.allocator else f"is served by {_served(choice)}"


def _served(choice: Choice) -> str:
    if not choice.allocator:
        return "nothing (no build)"
    return "the system's allocator" if choice.allocator == SYSTEM else choice.allocator


def _declared(choice: Choice, folder: str) -> str:
    return f", declared at {choice.declared.removeprefix(folder)}" if choice.declared else ""


def _from(findings: Iterable[Finding], folder: str) -> tuple[Finding, ...]:
    return tuple(replace(finding, seen=finding.seen.replace(folder, "")) for finding in findings)
