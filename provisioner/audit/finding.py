"""What an audit says: a `Check` is a question with its reasons, a `Finding` is the answer for one subject.

A check's id is public and never changes its meaning (CONTRACT, JSON). Its first word is its area:
`smtp.open-relay` belongs to `smtp`. Checks are declared in the module that makes them, as a tuple
`CHECKS`; `catalogue.py` brings them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is where the check fails, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class Outcome(StrEnum):
    """What a check came to. `error`: it could not be made, and says nothing about the server."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    WARN = "warn"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Check:
    """One question asked of a server or a domain."""

    id: str
    severity: Severity
    """Where it fails; a finding may say that this case is less or more severe."""
    title: str
    """What is asked, as a state that is right: `No mail is relayed for strangers`."""
    why: str
    """Why it matters, in at most two sentences."""
    fix: str
    """What to do, in the terms of Postfix, Dovecot or DNS."""
    reference: str
    """RFC with section, guideline with section, or the documentation of the parameter."""

    @property
    def area(self) -> str:
        """The first word of the id."""
        return self.id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to for one subject (`example.org`, `mx1.example.org:25`).

    Every text in it may hold what a server or a record said: whoever shows it escapes it.
    """

    check: Check
    outcome: Outcome
    subject: str
    summary: str
    """One line: what was found, as a sentence about the subject."""
    evidence: tuple[str, ...] = ()
    """What was seen, word for word: records, replies, lines of a file."""
    fix: str = ""
    """What to do in this very case, where that is more than the check's own `fix`."""
    severity: Severity | None = None
    """Where this case is less or more severe than the check."""
    place: str = ""
    """File and line on the server, where there is one: `/etc/postfix/main.cf:31`."""
    settings: tuple[str, ...] = ()
    """The settings of Postfix or Dovecot that it is about, where they were read."""
    inventory: str = ""
    """The change to our inventory that mends it, as YAML; only for servers that we manage."""

    @property
    def weight(self) -> Severity:
        """The severity that counts."""
        return self.severity or self.check.severity

    @property
    def remedy(self) -> str:
        """The fix to show."""
        return self.fix or self.check.fix
