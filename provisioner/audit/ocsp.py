"""Judging a stapled OCSP answer (RFC 6960), and its absence where the certificate demands it (RFC 7633)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509 import ocsp

from provisioner.audit.certificate_checks import OCSP
from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.tls.trust import UNREADABLE


def judge_ocsp(
    certificates: Sequence[x509.Certificate], stapled: bytes, now: datetime, subject: str
) -> Finding:
    """`certificates` is the chain, the server's own first; `stapled` is DER, empty where none came.

    The answer's signature is not verified: what counts here is what clients will make of it.
    """
    if not stapled:
        if demands_stapling(certificates[0]):
            summary = "has a certificate that demands stapling, and staples nothing"
            return Finding(OCSP, Outcome.FAIL, subject, summary)
        return Finding(OCSP, Outcome.PASS, subject, "staples nothing, and need not")
    try:
        response = ocsp.load_der_ocsp_response(stapled)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            summary = f"staples an answer that is none: {response.response_status.name.lower()}"
            return Finding(OCSP, Outcome.WARN, subject, summary, severity=Severity.LOW)
        return _judge(response, certificates[0], now, subject)
    except UNREADABLE as error:
        summary = "staples an answer that can't be read"
        return Finding(OCSP, Outcome.WARN, subject, summary, (str(error)[:200],), severity=Severity.LOW)


def _judge(response: ocsp.OCSPResponse, own: x509.Certificate, now: datetime, subject: str) -> Finding:
    ends = response.next_update_utc
    evidence = (
        f"{response.certificate_status.name.lower()}, until {ends:%Y-%m-%d %H:%M} UTC" if ends else "",
    )
    if response.serial_number != own.serial_number:
        summary = "staples an answer about another certificate"
        return Finding(OCSP, Outcome.FAIL, subject, summary, evidence, severity=Severity.MEDIUM)
    if response.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        fix = "Get a new certificate with a new key, and find out why this one was revoked."
        summary = "has a certificate that was revoked"
        return Finding(OCSP, Outcome.FAIL, subject, summary, evidence, fix)
    if ends is not None and ends < now:
        summary = f"staples an answer that ended on {ends:%Y-%m-%d}"
        return Finding(OCSP, Outcome.FAIL, subject, summary, evidence, severity=Severity.MEDIUM)
    return Finding(OCSP, Outcome.PASS, subject, "staples that its certificate is not revoked", evidence)


def demands_stapling(own: x509.Certificate) -> bool:
    """Whether it has the TLS feature status_request ("must-staple")."""
    try:
        features = own.extensions.get_extension_for_class(x509.TLSFeature).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
    return x509.TLSFeatureType.status_request in features
