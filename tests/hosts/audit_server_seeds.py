"""Seeds with a server of their own: at an address (`MailSeed`) or at ports of the host (`PortSeed`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.hosts.audit_seeds import Seed

POSTFIX = "Postfix 3.7"
DOVECOT = "Dovecot 2.3"
SERVER = "servers.test"
"""The name of the host at its IPv4 address."""


@dataclass(frozen=True)
class MailSeed(Seed):
    """A domain with a Postfix of its own."""

    smtpd: tuple[str, ...] = ()
    """Parameters, as `name = value`."""
    pointers: tuple[str, ...] | None = None
    """Names in the address's PTR records; None for the server's own name."""
    where: str = POSTFIX
    tlsa: tuple[str, ...] = ()
    """TLSA records of the server; `{spki}` and `{cert}` are the right hashes."""

    @property
    def host(self) -> str:
        """The name of its server."""
        return f"mx.{self.domain}"


@dataclass(frozen=True)
class PortSeed(Seed):
    """A domain with SRV records that lead to ports of the host: service → port."""

    ports: dict[str, int] = field(default_factory=dict)
    smtpd: tuple[str, ...] = ()
    """Parameters of a Postfix at its port."""
    host: str = SERVER

    @property
    def srv(self) -> str:
        """Its SRV records."""
        return "".join(f"_{name}._tcp SRV 0 1 {port} {self.host}.\n" for name, port in self.ports.items())
