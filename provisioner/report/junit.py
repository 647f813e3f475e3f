"""Checks as JUnit XML, which every CI system shows: a test suite per host, a test case per check."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from provisioner.verify.result import Check, HostReport

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 (§2.2) can't hold in any form."""


def junit_document(reports: Iterable[HostReport]) -> bytes:
    """The whole file, UTF-8."""
    suites = [_suite(report) for report in reports]
    root = Element("testsuites", name="provision verify")
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.extend(suites)
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _suite(report: HostReport) -> Element:
    outcomes = [check.outcome for check in report.checks]
    away = report.error is not None
    suite = Element(
        "testsuite",
        name=xml_text(report.host),
        tests=str(len(outcomes) + away),
        failures=str(outcomes.count("fail")),
        errors=str(int(away)),
        skipped=str(outcomes.count("skipped")),
        time=f"{report.seconds:.3f}",
    )
    suite.extend(_case(report.host, check) for check in report.checks)
    if report.error is not None:
        case = SubElement(suite, "testcase", classname=xml_text(report.host), name="connection")
        SubElement(case, "error", message=xml_text(report.error.message), type=report.error.kind)
    return suite


def _case(host: str, check: Check) -> Element:
    case = Element(
        "testcase",
        classname=xml_text(f"{host}.{check.role}"),
        name=xml_text(check.id),
        time=f"{check.seconds:.3f}",
    )
    if check.outcome == "fail":
        failure = SubElement(case, "failure", message=xml_text(check.message))
        failure.text = xml_text("\n".join((check.message, *check.evidence, check.hint))).rstrip()
    elif check.outcome == "skipped":
        SubElement(case, "skipped", message=xml_text(check.message))
    return case


def xml_text(text: str) -> str:
    """What XML can't hold is shown as its escape."""
    return _NOT_XML.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
