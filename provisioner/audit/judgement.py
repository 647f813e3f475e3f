"""What an audit came to: a `Judgement` for each target, its score, and what changed since the last one.

The score is 100 times a factor for each check that did not pass (docs/audit.md has the table):

- a check counts once, at its worst finding, however many ports share it;
- what fails costs all of the severity's share, a warning half of it, a check that could not be made a
  quarter: not to know is better than to know the worst, and never as good as a pass;
- what was skipped costs nothing.

So a server's score never rises when one more thing is wrong, and never falls when one is mended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.errors import ProvisionError

SHARE = {
    Severity.CRITICAL: 0.50,
    Severity.HIGH: 0.20,
    Severity.MEDIUM: 0.06,
    Severity.LOW: 0.02,
    Severity.INFO: 0.0,
}
"""What a failed check takes away from what is left of the score."""
PART = {Outcome.FAIL: 1.0, Outcome.WARN: 0.5, Outcome.ERROR: 0.25, Outcome.SKIPPED: 0.0, Outcome.PASS: 0.0}
"""How much of the share each outcome costs."""
WRONG = (Outcome.FAIL, Outcome.WARN)
ANSWERED = (Outcome.PASS, Outcome.FAIL, Outcome.WARN)


class Kind(StrEnum):
    """What a target is."""

    DOMAIN = "domain"
    HOST = "host"


class Topic(StrEnum):
    """What the areas of checks are about, in the order of reports."""

    SENDERS = "Sender authentication"
    ROUTING = "Names and routing"
    ENCRYPTION = "Encryption"
    RECEIVING = "Receiving mail"
    MAILBOXES = "Submission and mailboxes"
    HOST = "The host inside"
    AUDIT = "The audit itself"


TOPICS = {
    **dict.fromkeys(("spf", "dkim", "dmarc", "bimi"), Topic.SENDERS),
    **dict.fromkeys(("mx", "dns", "dnssec", "reverse-dns", "caa", "blocklist"), Topic.ROUTING),
    **dict.fromkeys(("tls", "certificate", "dane", "mta-sts", "tls-rpt"), Topic.ENCRYPTION),
    **dict.fromkeys(("smtp",), Topic.RECEIVING),
    **dict.fromkeys(("submission", "imap", "pop3", "managesieve", "services"), Topic.MAILBOXES),
    "audit": Topic.AUDIT,
}


def topic_of(finding: Finding) -> Topic:
    """The topic that the area of a finding belongs to; all other areas are about the host inside."""
    return TOPICS.get(finding.check.area, Topic.HOST)


@dataclass(frozen=True)
class Judgement:
    """Everything an audit found out about one target."""

    target: str
    """As the user named it."""
    kind: Kind
    findings: tuple[Finding, ...] = ()
    """Worst first; see `worst_first`."""
    seconds: float = 0.0
    error: ProvisionError | None = None
    """Why nothing could be judged at all."""
    notes: tuple[str, ...] = ()
    """What a reader should know of the run as such, in sentences."""
    inside_error: ProvisionError | None = None
    """Why a host was judged from outside alone, though it was to be looked at from inside too."""

    @property
    def errors(self) -> tuple[ProvisionError, ...]:
        """Why the target, or its inside, could not be judged at all."""
        return tuple(error for error in (self.error, self.inside_error) if error is not None)

    @property
    def score(self) -> int | None:
        """0 to 100; None where no check was answered."""
        return score(self.findings)

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """What failed or is doubtful."""
        return self.of(*WRONG)

    def of(self, *outcomes: Outcome) -> tuple[Finding, ...]:
        """The findings with one of these outcomes."""
        return tuple(finding for finding in self.findings if finding.outcome in outcomes)

    def reaches(self, severity: Severity | None) -> bool:
        """Whether something is wrong that is as severe as `severity` or more; None: never."""
        return severity is not None and any(f.weight.rank <= severity.rank for f in self.wrong)

    def topics(self) -> dict[Topic, tuple[Finding, ...]]:
        """The findings by topic, in the order of reports; a topic without findings is left out."""
        by_topic = {topic: tuple(f for f in self.findings if topic_of(f) is topic) for topic in Topic}
        return {topic: findings for topic, findings in by_topic.items() if findings}


def score(findings: Iterable[Finding]) -> int | None:
    """The score of some findings, rounded down so that only a flawless server has 100."""
    costs: dict[str, float] = {}
    answered = False
    for finding in findings:
        cost = SHARE[finding.weight] * PART[finding.outcome]
        costs[finding.check.id] = max(cost, costs.get(finding.check.id, 0.0))
        answered = answered or finding.outcome in ANSWERED
    if not answered:
        return None
    left = 100.0
    for cost in costs.values():
        left *= 1 - cost
    return int(left + 1e-9)


_ORDER = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR, Outcome.SKIPPED, Outcome.PASS)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What is wrong by severity, then what could not be run, was skipped, passed; else as they came."""

    def place(finding: Finding) -> tuple[int, int, int]:
        wrong = finding.outcome in WRONG
        return (0 if wrong else 1, finding.weight.rank if wrong else 0, _ORDER.index(finding.outcome))

    return tuple(sorted(findings, key=place))
