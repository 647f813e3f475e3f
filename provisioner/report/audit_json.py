"""An audit as one JSON document: the public contract, so fields are added and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.judgement import WRONG, Judgement, score
from provisioner.report.errors import error_document

FORMAT = 1


def document(judgements: Sequence[Judgement], elapsed: float, when: datetime) -> dict[str, object]:
    """The whole document; targets in the order they were named."""
    return {
        "format": FORMAT,
        "command": "audit",
        "when": f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "targets": {judgement.target: _target(judgement) for judgement in judgements},
        "seconds": round(elapsed, 3),
    }


def _target(judgement: Judgement) -> dict[str, object]:
    return {
        "kind": judgement.kind.value,
        "findings": [finding_document(finding) for finding in judgement.findings],
        "score": judgement.score,
        "topics": {topic.value: score(findings) for topic, findings in judgement.topics().items()},
        "summary": _summary(judgement.findings),
        "notes": list(judgement.notes),
        "error": None if judgement.error is None else error_document(judgement.error),
        "inside_error": None if judgement.inside_error is None else error_document(judgement.inside_error),
        "seconds": round(judgement.seconds, 3),
    }


def finding_document(finding: Finding) -> dict[str, object]:
    """One finding with the fields of the contract, what it is about, and where a fix goes."""
    return {
        "id": finding.check.id,
        "severity": finding.weight.value,
        "outcome": finding.outcome.value,
        "subject": finding.subject,
        "title": finding.check.title,
        "summary": finding.summary,
        "evidence": list(finding.evidence),
        "why": finding.check.why,
        "fix": finding.remedy,
        "reference": finding.check.reference,
        "place": finding.place,
        "inventory": finding.inventory,
    }


def _summary(findings: Sequence[Finding]) -> dict[str, int]:
    """How many are wrong of each severity, and how many there are of each outcome."""
    wrong = [finding.weight for finding in findings if finding.outcome in WRONG]
    outcomes = [finding.outcome for finding in findings]
    return {severity.value: wrong.count(severity) for severity in Severity} | {
        outcome.value: outcomes.count(outcome) for outcome in Outcome
    }
