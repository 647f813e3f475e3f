"""What a judgement of one question comes to, before it is joined with its check and its subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from provisioner.audit.finding import Check, Finding, Outcome, Severity

EVIDENCE_LINES = 12
EVIDENCE_WIDTH = 400

Talk = TypeVar("Talk")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A `Finding` without check and subject; the fields are the same."""

    outcome: Outcome
    summary: str
    evidence: tuple[str, ...] = ()
    fix: str = ""
    severity: Severity | None = None
    place: str = ""
    settings: tuple[str, ...] = ()

    def of(self, check: Check, subject: str) -> Finding:
        """The finding; what a server said is cut to a length that a report can hold."""
        evidence = tuple(cut(line) for line in self.evidence[:EVIDENCE_LINES])
        return Finding(
            check, self.outcome, subject, cut(self.summary), evidence,
            fix=self.fix, severity=self.severity, place=self.place, settings=self.settings,
        )  # fmt: skip


def cut(line: str) -> str:
    """At most `EVIDENCE_WIDTH` characters of a line."""
    return line if len(line) <= EVIDENCE_WIDTH else line[: EVIDENCE_WIDTH - 1] + "…"


def passed(summary: str, *evidence: str) -> Verdict:
    """As it should be."""
    return Verdict(Outcome.PASS, summary, evidence)


def failed(summary: str, *evidence: str, fix: str = "", severity: Severity | None = None) -> Verdict:
    """Wrong."""
    return Verdict(Outcome.FAIL, summary, evidence, fix, severity)


def warned(summary: str, *evidence: str, fix: str = "", severity: Severity | None = None) -> Verdict:
    """Perhaps meant so, but worth a look."""
    return Verdict(Outcome.WARN, summary, evidence, fix, severity)


def untested(summary: str, *evidence: str) -> Verdict:
    """It could not be found out, and says nothing about the server."""
    return Verdict(Outcome.ERROR, summary, evidence)


def skipped(summary: str, *evidence: str) -> Verdict:
    """The question does not apply."""
    return Verdict(Outcome.SKIPPED, summary, evidence)


def judge(
    judgements: Mapping[Check, Callable[[Talk], Verdict | None]], talk: Talk, subject: str, trouble: str
) -> tuple[Finding, ...]:
    """A finding for each check, in order.

    A judgement gives None where the conversation did not get that far: then `trouble`, which says
    why it ended, is the reason that the check could not be made.
    """
    missing = untested(f"could not be tested: {trouble or 'the conversation did not get that far'}")
    return tuple((verdict(talk) or missing).of(check, subject) for check, verdict in judgements.items())
