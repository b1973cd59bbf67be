"""Conformance as JUnit XML, for continuous integration: a test case a clause."""

from collections.abc import Sequence
from xml.etree import ElementTree

from heapswap.conformance.clauses import CLAUSES
from heapswap.conformance.model import ClauseResult, Conformance, Outcome
from heapswap.report.lines import printable


def junit(answer: Conformance, known: Sequence[str] = ()) -> bytes:
    """One suite. A clause that deviates is a failure, one that crashed or hung an error; `known` ones are skipped."""
    sources = {clause.id: f"{clause.says} ({clause.source})" for clause in CLAUSES}
    verdicts = [_tag(result, known) for result in answer.clauses]
    suite = ElementTree.Element(
        "testsuite",
        name=f"heapswap conform {_text(answer.candidate)}",
        tests=str(len(verdicts)),
        failures=str(verdicts.count("failure")),
        errors=str(verdicts.count("error")),
        skipped=str(verdicts.count("skipped")),
    )
    facts = {"system": answer.system, "machine": answer.environment.machine}
    if answer.library:
        facts |= {
            "library": answer.library.path,
            "version": answer.library.version,
            "build-id": answer.library.build_id,
        }
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", name=name, value=_text(value))
    for result, tag in zip(answer.clauses, verdicts, strict=True):
        case = ElementTree.SubElement(suite, "testcase", classname="heapswap.conform", name=result.id)
        detail = _text(result.detail)
        if tag:
            cause = ElementTree.SubElement(case, tag, message=detail.split("\n")[-1])
            cause.text = f"{sources.get(result.id, result.id)}\n{detail}"
        else:
            ElementTree.SubElement(case, "system-out").text = detail
    ElementTree.indent(suite)
    document: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _tag(result: ClauseResult, known: Sequence[str]) -> str:
    if result.outcome is Outcome.NOT_APPLICABLE or (result.outcome.is_broken and result.id in known):
        return "skipped"
    return {Outcome.HELD: "", Outcome.DEVIATES: "failure"}.get(result.outcome, "error")


def _text(words: str) -> str:
    """XML knows no control characters, not even escaped."""
    return "\n".join(printable(line) for line in words.split("\n"))
