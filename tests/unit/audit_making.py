"""Findings and judgements made up for tests of reports."""

from __future__ import annotations

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.judgement import Judgement, Kind, worst_first

RELAY = Check(
    "smtp.open-relay",
    Severity.CRITICAL,
    "No mail is relayed for strangers",
    "Spammers find open relays within hours. The address lands on every block list.",
    "mynetworks = 127.0.0.0/8 [::1]/128",
    "RFC 5321 §7.9; Postfix SMTPD_ACCESS_README",
)
LOGIN = Check(
    "imap.login-before-tls",
    Severity.HIGH,
    "No login is offered before TLS",
    "A password sent in the clear can be read by everybody on the way.",
    "ssl = required",
    "RFC 8314 §4.1",
)
POLICY = Check(
    "dmarc.policy",
    Severity.MEDIUM,
    "DMARC asks receivers to refuse forged mail",
    "Without it anybody can send as the domain.",
    "Publish p=quarantine, later p=reject.",
    "RFC 9989 §4.7",
)
BANNER = Check(
    "smtp.banner", Severity.LOW, "The banner names no version", "It helps whoever looks for holes.",
    "smtpd_banner = $myhostname ESMTP", "postconf(5) smtpd_banner",
)  # fmt: skip
SPF = Check(
    "spf.record", Severity.HIGH, "SPF says who may send", "Receivers refuse mail of unknown senders.",
    "v=spf1 mx -all", "RFC 7208 §3",
)  # fmt: skip


def finding(
    check: Check,
    outcome: Outcome = Outcome.FAIL,
    subject: str = "mx1.example.org:25",
    summary: str = "",
    **more: object,
) -> Finding:
    """A finding, with a summary that names its subject unless one is given."""
    return Finding(check, outcome, subject, summary or f"{subject} is as it should not be", **more)  # type: ignore[arg-type]


OPEN_RELAY = finding(
    RELAY,
    summary="mx1.example.org:25 relays mail for strangers",
    evidence=("RCPT TO:<probe@elsewhere.test> → 250 2.1.5 Ok",),
)


def judgement(*findings: Finding, target: str = "example.org", **more: object) -> Judgement:
    """A domain's judgement."""
    return Judgement(target, Kind.DOMAIN, worst_first(findings), 1.5, **more)  # type: ignore[arg-type]
