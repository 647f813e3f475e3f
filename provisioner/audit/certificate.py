"""Judging the certificates that a server shows.

On port 25 nobody looks at the authority or the name unless DANE or MTA-STS say so: there, a
self-signed certificate is as good as any other, and what is said of it is a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from provisioner.audit import certificate_checks as checks
from provisioner.audit.certificate_checks import CHECKS
from provisioner.audit.certificate_grades import grade_key, grade_signature, key_name, signature_name
from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.ocsp import judge_ocsp
from provisioner.audit.tls_grades import Grade
from provisioner.mail.certificate import Certificate, read_certificate
from provisioner.tls.result import Chain, TlsScan
from provisioner.tls.trust import UNREADABLE, Path, find_path, issued, read_authorities

__all__ = ["CHECKS", "audit_certificate", "audit_certificates"]

RELAY_PORT = 25
_NOTE_ON_RELAY = {
    checks.TRUST: Severity.INFO,
    checks.HOSTMATCH: Severity.INFO,
    checks.EXPIRY: Severity.LOW,
    checks.CHAIN: Severity.LOW,
    checks.NAMES: Severity.INFO,
    checks.LIFETIME: Severity.INFO,
    checks.USAGE: Severity.LOW,
}
"""What is of little weight where certificates are not looked at (RFC 7672 §1.3.1)."""
_PUBLIC_LIMITS = (
    (datetime(2029, 3, 15), 47),
    (datetime(2027, 3, 15), 100),
    (datetime(2026, 3, 15), 200),
    (datetime(2020, 9, 1), 398),
)
"""Since when, and days: CA/Browser Forum Baseline Requirements §6.3.2, checked 2026-11-25."""
_APPLE_DAYS = 825


def audit_certificates(
    scan: TlsScan, names: Sequence[str], host: str, port: int, *, now: datetime, authorities: str
) -> list[Finding]:
    """As `audit_certificate`, for every chain of a scan; a server may have one for ECDSA and one for RSA."""
    found: list[Finding] = []
    for chain in scan.chains:
        judged = audit_certificate(chain, names, host, port, now=now, authorities=authorities)
        kind = f" ({chain.key} certificate)" if len(scan.chains) > 1 else ""
        found += [replace(one, summary=f"{one.summary}{kind}") for one in judged]
    return found


def audit_certificate(
    chain: Chain, names: Sequence[str], host: str, port: int, *, now: datetime, authorities: str
) -> list[Finding]:
    """Judge one chain of `host`:`port`.

    `names` are those that clients may ask for: the certificate must be for one of them at least.
    `authorities` is PEM text (see `provisioner.tls.authorities`); `now` has a time zone.
    """
    subject = f"{host}:{port}"
    try:
        findings = _judge(chain, names, subject, now, authorities)
    except (IndexError, *UNREADABLE) as error:
        summary = "shows a certificate that can't be read"
        findings = [Finding(checks.TRUST, Outcome.FAIL, subject, summary, (str(error)[:200],))]
    return [_note(finding) for finding in findings] if port == RELAY_PORT else findings


def _judge(
    chain: Chain, names: Sequence[str], subject: str, now: datetime, authorities: str
) -> list[Finding]:
    """Every check; `ValueError` where a part that is needed can't be read (they are read one by one)."""
    certificates = [x509.load_der_x509_certificate(der) for der in chain.certificates]
    own = read_certificate(chain.certificates[0])
    path = find_path(certificates, read_authorities(authorities), now)
    return [
        _trust(own, path, subject),
        _hostmatch(own, names, subject),
        _expiry(own, now, subject),
        _pubkey(certificates, subject),
        _signature(certificates, subject),
        _chain(certificates, path, subject),
        _names(own, subject),
        _usage(certificates[0], subject),
        _lifetime(own, path, subject),
        judge_ocsp(certificates, chain.ocsp, now, subject),
    ]


def _note(finding: Finding) -> Finding:
    if finding.outcome not in (Outcome.FAIL, Outcome.WARN) or finding.check not in _NOTE_ON_RELAY:
        return finding
    return replace(finding, outcome=Outcome.WARN, severity=_NOTE_ON_RELAY[finding.check])


def _trust(own: Certificate, path: Path, subject: str) -> Finding:
    evidence = (f"subject {own.subject}, issuer {own.issuer}",)
    if path.trusted:
        return Finding(checks.TRUST, Outcome.PASS, subject, f"has a certificate from {own.issuer}", evidence)
    if path.fault == "self-signed":
        return Finding(checks.TRUST, Outcome.FAIL, subject, "has a self-signed certificate", evidence)
    summary = f"has a certificate that leads to no known authority: {path.fault}"
    return Finding(checks.TRUST, Outcome.FAIL, subject, summary, evidence)


def _hostmatch(own: Certificate, names: Sequence[str], subject: str) -> Finding:
    matching = [name for name in names if own.matches(name)]
    evidence = (f"names: {', '.join(own.names[:20]) or 'none'}",)
    if matching:
        summary = f"has a certificate for {matching[0]}"
        return Finding(checks.HOSTMATCH, Outcome.PASS, subject, summary, evidence)
    theirs = ", ".join(own.names[:4]) or f"nobody (its subject is {own.subject})"
    summary = f"has a certificate for {theirs}, not for {' or '.join(names)}"
    return Finding(checks.HOSTMATCH, Outcome.FAIL, subject, summary, evidence)


def _expiry(own: Certificate, now: datetime, subject: str) -> Finding:
    check, days = checks.EXPIRY, own.days_left(now)
    evidence = (f"valid from {own.not_before:%Y-%m-%d %H:%M} to {own.not_after:%Y-%m-%d %H:%M} UTC",)
    if now > own.not_after:
        summary = f"has a certificate that ended {-days} days ago"
        return Finding(check, Outcome.FAIL, subject, summary, evidence)
    if now < own.not_before:
        summary = f"has a certificate that begins on {own.not_before:%Y-%m-%d}"
        return Finding(check, Outcome.FAIL, subject, summary, evidence)
    # Who renews when a third is left has had half of that time to notice.
    soon = min(timedelta(days=14), (own.not_after - own.not_before) / 6)
    if own.not_after - now < soon:
        summary = f"has a certificate that ends in {days} days"
        return Finding(check, Outcome.WARN, subject, summary, evidence, severity=Severity.MEDIUM)
    return Finding(check, Outcome.PASS, subject, f"has a certificate with {days} days left", evidence)


def _without_root(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """A root's own key and signature prove nothing: it is trusted for being known."""
    own, *rest = certificates
    return [own, *(one for one in rest if one.subject != one.issuer)]


def _graded(check: Check, graded: list[tuple[Grade, str]], subject: str, what: str) -> Finding:
    worst = max(grade for grade, _ in graded)
    listed = tuple(text for _, text in graded)
    if worst in (Grade.GOOD, Grade.SUFFICIENT):
        return Finding(check, Outcome.PASS, subject, f"{what} {', '.join(dict.fromkeys(listed))}", listed)
    found = ", ".join(dict.fromkeys(text for grade, text in graded if grade is worst))
    outcome = Outcome.FAIL if worst is Grade.INSUFFICIENT else Outcome.WARN
    severity = None if outcome is Outcome.FAIL else Severity.LOW
    return Finding(check, outcome, subject, f"{what} {found}", listed, severity=severity)


def _pubkey(certificates: Sequence[x509.Certificate], subject: str) -> Finding:
    graded = [(grade_key(one), key_name(one)) for one in _without_root(certificates)]
    return _graded(checks.PUBKEY, graded, subject, "has a chain with keys of")


def _signature(certificates: Sequence[x509.Certificate], subject: str) -> Finding:
    graded = [(grade_signature(one), signature_name(one)) for one in _without_root(certificates)]
    return _graded(checks.SIGNATURE, graded, subject, "has a chain signed by")


def _chain(certificates: Sequence[x509.Certificate], path: Path, subject: str) -> Finding:
    check = checks.CHAIN
    evidence = tuple(
        f"{number}: {one.subject.rfc4514_string()}"[:300] for number, one in enumerate(certificates)
    )
    if path.missing:
        summary = f"sends a chain that ends before {path.missing}"
        return Finding(check, Outcome.FAIL, subject, summary, evidence)
    if list(path.used) != sorted(path.used):
        summary = "sends its chain in the wrong order"
        return Finding(check, Outcome.FAIL, subject, summary, evidence, severity=Severity.LOW)
    strangers = [number for number in range(len(certificates)) if not _belongs(certificates, path, number)]
    if strangers:
        summary = f"sends {_counted(len(strangers))} not of its chain"
        return Finding(check, Outcome.WARN, subject, summary, evidence, severity=Severity.LOW)
    root = len(certificates) > 1 and certificates[-1].subject == certificates[-1].issuer
    more = ", the root too, which only DANE with usage 2 needs" if root else ""
    return Finding(
        check, Outcome.PASS, subject, f"sends {_counted(len(certificates))} in order{more}", evidence
    )


def _counted(number: int) -> str:
    return "1 certificate" if number == 1 else f"{number} certificates"


def _belongs(certificates: Sequence[x509.Certificate], path: Path, number: int) -> bool:
    """On the way, or the issuer of one that is: the root, or a cross-signed one."""
    one = certificates[number]
    return number in path.used or any(issued(certificates[used], one) for used in path.used)


def _names(own: Certificate, subject: str) -> Finding:
    if own.names:
        return Finding(checks.NAMES, Outcome.PASS, subject, f"has a certificate with {len(own.names)} names")
    summary = f"has a certificate without names but the subject's, {own.subject}"
    return Finding(checks.NAMES, Outcome.FAIL, subject, summary)


def _usage(own: x509.Certificate, subject: str) -> Finding:
    try:
        usages = list(own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return Finding(checks.USAGE, Outcome.PASS, subject, "has a certificate for every use")
    except UNREADABLE as error:
        return Finding(
            checks.USAGE, Outcome.FAIL, subject, "has extensions that can't be read", (str(error),)
        )
    server = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if any(usage in server for usage in usages):
        return Finding(checks.USAGE, Outcome.PASS, subject, "has a certificate for servers")
    evidence = (", ".join(usage.dotted_string for usage in usages),)
    return Finding(checks.USAGE, Outcome.FAIL, subject, "has a certificate that is not for servers", evidence)


def _lifetime(own: Certificate, path: Path, subject: str) -> Finding:
    days = (own.not_after - own.not_before).days
    evidence = (f"{days} days, from {own.not_before:%Y-%m-%d}",)
    began = own.not_before.replace(tzinfo=None)
    public = next((limit for since, limit in _PUBLIC_LIMITS if began >= since), _APPLE_DAYS)
    limit = public if path.trusted and path.used != (0,) else _APPLE_DAYS
    if days <= limit:
        return Finding(checks.LIFETIME, Outcome.PASS, subject, f"has a certificate for {days} days", evidence)
    summary = f"has a certificate for {days} days, more than {limit}"
    return Finding(checks.LIFETIME, Outcome.FAIL, subject, summary, evidence)
