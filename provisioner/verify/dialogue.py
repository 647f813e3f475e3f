"""One conversation in progress: the connection, what is expected, and what has been seen."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime

from provisioner.mail.tls_stream import TlsFacts, tls_context
from provisioner.mail.wire import Wire
from provisioner.roles.model import Port
from provisioner.verify.expectations import Expectations, TrustKind
from provisioner.verify.result import Unproven

CLEAR_TEXT = frozenset({"PLAIN", "LOGIN", "USER"})
"""Ways to log in that show the password to whoever listens."""


@dataclass
class Dialogue:
    """What the conversation's steps share."""

    port: Port
    wire: Wire
    expect: Expectations
    verify_chain: bool
    """Whether a chain that leads nowhere ends the handshake."""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    tls: TlsFacts | None = field(default=None)

    def implicit_tls(self) -> None:
        """Begin with TLS, as 465, 993 and 995 do (RFC 8314 §3)."""
        context = self.tls_context()
        self.keep(self.wire.start_tls(context, self.expect.hostname))

    def tls_context(self) -> ssl.SSLContext:
        """The context that the expected trust calls for."""
        trust = self.expect.trust
        verify = self.verify_chain and trust.kind in (TrustKind.SYSTEM, TrustKind.AUTHORITY)
        authorities = trust.value if trust.kind is TrustKind.AUTHORITY else None
        return tls_context(authorities=authorities, verify=verify)

    def keep(self, facts: TlsFacts) -> None:
        """Remember what the handshake came to; `check_certificate` judges it at the end."""
        self.tls = facts

    def refuse_clear_text_login(self) -> None:
        """`Unproven` where a password could be sent before TLS."""
        if offered := sorted(CLEAR_TEXT & set(self.before)):
            raise Unproven(
                "login-without-tls",
                f"offers to log in by {' and '.join(offered)} without TLS",
                hint="Require TLS before any login: everybody on the way can read the password.",
            )

    def check_certificate(self, now: datetime | None = None) -> None:
        """`Unproven` where the certificate has ended, is another's, or is not the deployed one."""
        if self.tls is None:
            return
        found, now = self.tls.certificate, now or datetime.now(UTC)
        trust = self.expect.trust
        if now > found.not_after:
            raise Unproven(
                "certificate-date", f"the certificate ended on {found.not_after:%Y-%m-%d %H:%M} UTC",
                hint="Renew it, and reload what uses it.",
            )  # fmt: skip
        if now < found.not_before:
            raise Unproven(
                "certificate-date", f"the certificate begins only on {found.not_before:%Y-%m-%d %H:%M} UTC",
                hint="Look at the clocks of this machine and of the host.",
            )  # fmt: skip
        if trust.kind is TrustKind.DEPLOYED and found.fingerprint != trust.value:
            raise Unproven(
                "certificate-trust", "shows another certificate than the one deployed",
                evidence=(f"{found.subject}, SHA-256 {found.fingerprint}",),
                hint="Reload the service: it may still hold the old one.",
            )  # fmt: skip
        if not found.matches(self.expect.hostname):
            names = ", ".join(found.names) or found.subject or "nobody"
            raise Unproven(
                "certificate-name", f"the certificate is for {names}, not for {self.expect.hostname}",
                hint="Let the certificate have mail_hostname, or set mail_hostname to a name it has.",
            )  # fmt: skip
