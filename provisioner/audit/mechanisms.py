"""What the login mechanisms that a server offers mean (SASL, RFC 4422), before TLS and inside it."""

from __future__ import annotations

from provisioner.audit.finding import Severity
from provisioner.audit.verdict import Verdict, failed, passed, warned

CLEAR = frozenset({"PLAIN", "LOGIN", "USER", "XOAUTH", "XOAUTH2", "OAUTHBEARER"})
"""A password or a token that somebody in between can read and use again."""
WEAK = {
    "ANONYMOUS": "lets everybody in",
    "CRAM-MD5": "needs passwords stored so that they can be read (RFC 2195, given up)",
    "DIGEST-MD5": "is historic (RFC 6331)",
    "APOP": "is broken with MD5",
    "NTLM": "is broken",
    "KERBEROS_V4": "is historic",
    "SKEY": "is historic",
    "OTP": "is broken with MD5",
}


def before_tls(mechanisms: tuple[str, ...], *evidence: str) -> Verdict:
    """A login offered in clear text, and how bad that is."""
    clear = [name for name in mechanisms if name in CLEAR]
    if clear:
        return failed(f"offers a login in clear text: {', '.join(clear)}", *evidence)
    if mechanisms:
        return warned(
            f"offers a login before TLS: {', '.join(mechanisms)}", *evidence, severity=Severity.MEDIUM
        )
    return passed("offers no login before TLS", *evidence)


def offered(mechanisms: tuple[str, ...], *evidence: str) -> Verdict:
    """Whether people can log in where they should."""
    if not mechanisms:
        return failed("offers no login: nobody can use it", *evidence)
    return passed(f"offers a login: {', '.join(mechanisms)}", *evidence)


def weak(mechanisms: tuple[str, ...], *evidence: str) -> Verdict:
    """Mechanisms that should be switched off."""
    found = [name for name in mechanisms if name in WEAK]
    if "ANONYMOUS" in found:
        return failed("ANONYMOUS lets everybody in", *evidence, severity=Severity.HIGH)
    if found:
        return warned("; ".join(f"{name} {WEAK[name]}" for name in found), *evidence)
    return passed("offers no outdated login mechanism", *evidence)
