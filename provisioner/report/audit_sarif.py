"""An audit as SARIF 2.1.0, which code scanning and editors read (OASIS, errata 01).

A result is something wrong; viewers raise an alert for every result they find, so what passed is
only listed in the run's `properties`, and what could not be run is a notification of the tool (§3.58).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

from provisioner import __version__
from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.judgement import Judgement
from provisioner.report.audit_findings import sentence
from provisioner.report.escape import escape

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
SECURITY_SEVERITY = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFO: "0.0",
}
"""As GitHub reads it: critical from 9.0, high from 7.0, medium from 4.0."""
_PLACE = re.compile(r"(?P<file>/[^:]*)(?::(?P<line>[1-9][0-9]{0,6}))?")


def document(judgements: Sequence[Judgement], began: datetime, ended: datetime) -> dict[str, object]:
    """The whole log: one run with the findings of every target."""
    checks = {finding.check.id: finding.check for judgement in judgements for finding in judgement.findings}
    rules = {identity: number for number, identity in enumerate(checks)}
    run = {
        "tool": {
            "driver": {
                "name": "provision audit",
                "semanticVersion": __version__,
                "rules": [_rule(check) for check in checks.values()],
            }
        },
        "automationDetails": {"id": "provision-audit/"},
        "invocations": [_invocation(judgements, rules, began, ended)],
        "results": [_result(j.target, finding, rules) for j in judgements for finding in j.wrong],
        "properties": {"targets": {judgement.target: _properties(judgement) for judgement in judgements}},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(check: Check) -> dict[str, object]:
    return {
        "id": check.id,
        "name": "".join(word.capitalize() for word in re.split(r"\W+", check.id)),
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.why},
        "help": {"text": f"{check.fix}\n\nSee: {check.reference}"},
        "defaultConfiguration": {"level": LEVELS[check.severity]},
        "properties": {
            "tags": ["security", "mail", check.area],
            "security-severity": SECURITY_SEVERITY[check.severity],
        },
    }


def _result(target: str, finding: Finding, rules: dict[str, int]) -> dict[str, object]:
    level = LEVELS[finding.weight]
    evidence = "\n".join(f"    {escape(line)}" for line in finding.evidence)
    said = escape(sentence(finding)) + (f"\n{evidence}" if evidence else "")
    return {
        "ruleId": finding.check.id,
        "ruleIndex": rules[finding.check.id],
        "kind": "fail",
        "level": "warning" if finding.outcome is Outcome.WARN and level == "error" else level,
        "message": {"text": f"{said}\nFix: {escape(finding.remedy, chr(10))}"},
        "locations": [_location(finding)],
        "partialFingerprints": {"checkAndSubject/v1": _fingerprint(target, finding)},
        "properties": {"severity": finding.weight.value, "outcome": finding.outcome.value, "target": target},
    }


def _location(finding: Finding) -> dict[str, object]:
    """The subject as a relative path, since code scanning wants a file, and by its own name."""
    host = quote(finding.subject, safe="")
    match = _PLACE.fullmatch(finding.place)
    physical: dict[str, object] = {
        "artifactLocation": {"uri": host + (quote(match["file"]) if match else "")},
        "region": {"startLine": int(match["line"]) if match and match["line"] else 1},
    }
    logical = {"fullyQualifiedName": escape(finding.subject), "kind": "resource"}
    return {"physicalLocation": physical, "logicalLocations": [logical]}


def _fingerprint(target: str, finding: Finding) -> str:
    """The same from run to run, whatever the evidence: §3.27.17."""
    return sha256("\0".join((target, finding.check.id, finding.subject)).encode()).hexdigest()[:32]


def _invocation(
    judgements: Sequence[Judgement], rules: dict[str, int], began: datetime, ended: datetime
) -> dict[str, object]:
    return {
        "executionSuccessful": not any(judgement.errors for judgement in judgements),
        "startTimeUtc": _time(began),
        "endTimeUtc": _time(ended),
        "toolExecutionNotifications": [
            *(
                {
                    "level": "error",
                    "message": {"text": escape(f"{judgement.target}: {error.message}")},
                    "descriptor": {"id": error.kind},
                }
                for judgement in judgements
                for error in judgement.errors
            ),
            *(
                {
                    "level": "warning",
                    "message": {"text": escape(sentence(finding))},
                    "associatedRule": {"id": finding.check.id, "index": rules[finding.check.id]},
                }
                for judgement in judgements
                for finding in judgement.of(Outcome.ERROR)
            ),
        ],
    }


def _properties(judgement: Judgement) -> dict[str, object]:
    return {
        "score": judgement.score,
        "passed": _listed(judgement.of(Outcome.PASS)),
        "skipped": _listed(judgement.of(Outcome.SKIPPED)),
    }


def _listed(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [{"id": finding.check.id, "subject": escape(finding.subject)} for finding in findings]


def _time(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
