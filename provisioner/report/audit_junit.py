"""An audit as JUnit XML: a test suite per target, a test case per finding.

JUnit knows no severity. What is as severe as `--fail-on` is a failure, as in the exit code; what is
wrong and less severe passes and says so in `system-out`; what could not be run is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.judgement import WRONG, Judgement
from provisioner.report.audit_findings import sentence
from provisioner.report.junit import xml_text


def document(judgements: Sequence[Judgement], fail_on: Severity | None) -> bytes:
    """The whole file, UTF-8."""
    suites = [_suite(judgement, fail_on) for judgement in judgements]
    root = Element("testsuites", name="provision audit")
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.extend(suites)
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _suite(judgement: Judgement, fail_on: Severity | None) -> Element:
    suite = Element("testsuite", name=xml_text(judgement.target))
    suite.extend(_case(judgement.target, finding, fail_on) for finding in judgement.findings)
    for name, error in (("audit", judgement.error), ("audit from inside", judgement.inside_error)):
        if error is not None:
            case = SubElement(suite, "testcase", classname=xml_text(judgement.target), name=name)
            SubElement(case, "error", message=xml_text(error.message), type=error.kind)
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))
    suite.set("time", f"{judgement.seconds:.3f}")
    return suite


def _case(target: str, finding: Finding, fail_on: Severity | None) -> Element:
    case = Element(
        "testcase",
        classname=xml_text(f"{target}.{finding.check.area}"),
        name=xml_text(f"{finding.check.id} {finding.subject}"),
    )
    said = xml_text(sentence(finding))
    if finding.outcome is Outcome.ERROR:
        SubElement(case, "error", message=said, type=finding.check.id).text = _details(finding)
    elif finding.outcome is Outcome.SKIPPED:
        SubElement(case, "skipped", message=said)
    elif finding.outcome in WRONG and fail_on is not None and finding.weight.rank <= fail_on.rank:
        SubElement(case, "failure", message=said, type=finding.weight.value).text = _details(finding)
    elif finding.outcome in WRONG:
        SubElement(case, "system-out").text = f"{finding.weight.value}: {said}\n{_details(finding)}"
    return case


def _details(finding: Finding) -> str:
    check = finding.check
    place = (f"At: {finding.place}",) if finding.place else ()
    rest = (*place, check.why, f"Fix: {finding.remedy}", f"See: {check.reference}")
    return xml_text("\n".join((*finding.evidence, *rest)))
