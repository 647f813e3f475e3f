"""TLS-RPT (RFC 8460): whether senders are told where to report that they could not encrypt.

A TXT record at `_smtp._tls.DOMAIN`, `v=TLSRPTv1; rua=mailto:tls@example.org`, asks for a daily report
of failed and successful TLS sessions: the only way to hear that a DANE or MTA-STS policy keeps mail out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.mail_use import null_mx_only
from provisioner.dns.resolver import Resolver

PRESENT = Check(
    "tls-rpt.present",
    Severity.LOW,
    "Senders are told where to report TLS failures",
    "With DANE or MTA-STS, a mistake in a certificate keeps mail out without a trace on your side. Reports"
    " are how you hear of it.",
    'Publish `_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls-reports@example.org"`.',
    "RFC 8460 §3",
)
SYNTAX = Check(
    "tls-rpt.syntax",
    Severity.MEDIUM,
    "The TLS-RPT record can be read",
    "A record with a mistake, or a second one, counts as none: no reports are sent.",
    'One record, of this form: `_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls-reports@example.org"`.',
    "RFC 8460 §3",
)
CHECKS = (PRESENT, SYNTAX)

_VERSION = re.compile(r"v=TLSRPTv1[ \t]*(;|$)")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}[ \t]*=[\x21-\x3a\x3c\x3e-\x7e, \t=]+")
_URI = re.compile(r"(mailto:[^\s,;!@]+@[^\s,;!@]+|https://[^\s,;!]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Record:
    """A record that was read: the addresses reports go to."""

    rua: tuple[str, ...]


def parse(text: str) -> Record:
    """Read a record (RFC 8460 §3); `ValueError` says what is wrong with it."""
    if not _VERSION.match(text):
        raise ValueError("it does not begin with v=TLSRPTv1;")
    parts = [part.strip() for part in text.split(";")[1:]]
    rua: tuple[str, ...] = ()
    for number, part in enumerate(parts):
        if not part and number == len(parts) - 1:
            continue
        if not _PART.fullmatch(part):
            raise ValueError(f"{part[:60]!r} is no NAME=VALUE")
        name, _, value = part.partition("=")
        if name.strip() == "rua":
            if rua:
                raise ValueError("it has rua twice")
            rua = tuple(uri.strip() for uri in value.split(","))
    if not rua:
        raise ValueError("it has no rua, the address for reports")
    for uri in rua:
        if not _URI.fullmatch(uri):
            raise ValueError(f"{uri[:60]!r} is neither mailto:ADDRESS nor an https address")
    return Record(rua)


def audit(domain: str, resolver: Resolver) -> list[Finding]:
    """Judge the TLS-RPT record of a mail domain. Subject of each finding: the domain."""
    reply = resolver.ask(f"_smtp._tls.{domain}", "TXT")
    if not reply.answered:
        return [Finding(PRESENT, Outcome.ERROR, domain, "its TLS-RPT record could not be asked for",
                        (reply.detail,))]  # fmt: skip
    # RFC 8460 §3: what does not begin with v=TLSRPTv1 is discarded; then there must be exactly one.
    records = [text for text in reply.texts() if _VERSION.match(text)]
    near = [text for text in reply.texts() if "tlsrpt" in text.lower() and text not in records]
    if not records and not near and null_mx_only(domain, resolver):
        return [Finding(PRESENT, Outcome.SKIPPED, domain, "takes no mail: there is no failure to report")]
    if not records and not near:
        return [
            Finding(
                PRESENT,
                Outcome.FAIL,
                domain,
                "has no TLS-RPT record",
                fix=f'Publish `_smtp._tls.{domain}. TXT "v=TLSRPTv1; rua=mailto:tls-reports@{domain}"`.',
            )
        ]
    evidence = tuple(f"_smtp._tls.{domain} TXT {text[:300]}" for text in (records or near)[:5])
    present = Finding(PRESENT, Outcome.PASS, domain, "has a TLS-RPT record", evidence)
    if len(records) > 1:
        wrong = f"has {len(records)} TLS-RPT records: senders ignore them all"
        return [present, Finding(SYNTAX, Outcome.FAIL, domain, wrong, evidence)]
    try:
        record = parse((records or near)[0])
    except ValueError as error:
        wrong = f"its TLS-RPT record can't be read: {error}"
        return [present, Finding(SYNTAX, Outcome.FAIL, domain, wrong, evidence)]
    return [present, Finding(SYNTAX, Outcome.PASS, domain, f"reports go to {', '.join(record.rua)}")]
