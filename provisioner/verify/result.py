"""What checks come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import AnswerIsNo, ProvisionError
from provisioner.roles.model import Port

if TYPE_CHECKING:
    from provisioner.mail.certificate import Certificate


class Unproven(Exception):
    """A port does not do what it was deployed for."""

    def __init__(
        self, kind: str, outcome: str, *, evidence: tuple[str, ...] = (), hint: str = "", retry: bool = False
    ) -> None:
        """`kind` is stable; `retry`: a server that is still starting may answer so."""
        super().__init__(outcome)
        self.kind = kind
        self.outcome = outcome
        self.evidence = evidence
        self.hint = hint
        self.retry = retry


@dataclass(frozen=True, slots=True)
class PortResult:
    """One conversation with one port. Texts of the server's are raw: whoever shows them escapes them.

    `kind` is stable: `ok`, `unreachable`, `silent`, `closed`, `babble`, `tls`, `no-starttls`,
    `certificate-trust`, `certificate-name`, `certificate-date`, `refused`, `unproven`, `open-relay`,
    `login-without-tls`, `login-offered`, `no-login`, `mail-without-login`, `blocked`.
    """

    port: Port
    ok: bool
    kind: str
    outcome: str
    """One line in words."""
    evidence: tuple[str, ...] = ()
    """The server's own lines that the outcome rests on."""
    hint: str = ""
    transcript: tuple[str, ...] = ()
    """The whole conversation: `< ` the server, `> ` us."""
    tls_version: str = ""
    """`TLSv1.3`, or empty."""
    certificate: Certificate | None = None
    mechanisms_before: tuple[str, ...] = ()
    """SASL mechanisms (and IMAP's or POP3's plain login) offered before TLS."""
    mechanisms_after: tuple[str, ...] = ()
    milliseconds: float = 0.0
    address: str = ""
    """Where we connected to."""
    forwarded: bool = False
    """Whether the connection came from the host itself, through SSH, since no other way led there."""
    retry: bool = False
    """Whether a server that is still starting may have answered so."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check on one host. `id` never changes its meaning; `outcome` is `pass`, `fail`, `skipped`."""

    id: str
    role: str
    outcome: str
    message: str = ""
    evidence: tuple[str, ...] = ()
    hint: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class HostReport:
    """What verifying one host came to: every check, those of its ports and certificate included."""

    host: str
    checks: tuple[Check, ...] = ()
    ports: tuple[PortResult, ...] = ()
    """What the ports' checks rest on, for IPv4 first."""
    error: ProvisionError | None = None
    """Why the host could not be verified at all."""
    seconds: float = 0.0

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed, in the order they were run in."""
        return tuple(check for check in self.checks if check.outcome == "fail")

    @property
    def exit_code(self) -> int:
        """As in the contract: 3 where a check failed, 5 where the host could not be reached, else 0."""
        if self.error is not None:
            return self.error.exit_code
        return AnswerIsNo.exit_code if self.failed else 0
