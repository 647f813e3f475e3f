"""What to connect to: `HOST[:PORT]` and what is known about ports."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from enum import StrEnum

from provisioner.errors import InputError


class Protocol(StrEnum):
    """What is spoken."""

    SMTP = "smtp"
    IMAP = "imap"
    POP3 = "pop3"
    SIEVE = "sieve"


class Encryption(StrEnum):
    """When the connection turns to TLS."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Target:
    """One server and how to speak with it."""

    host: str
    """A name, or an address without brackets."""
    port: int
    protocol: Protocol
    encryption: Encryption
    follow_mx: bool = False
    """The host is a mail domain: its MX is what takes mail."""
    from_record: bool = False
    """A record or a document named the host, not the user: its addresses are held to `Reach`."""

    @property
    def address(self) -> str:
        """The address, where the host is one; else `""`."""
        try:
            return str(ipaddress.ip_address(self.host))
        except ValueError:
            return ""

    def __str__(self) -> str:
        """`mx1.example.org:25`, `[2001:db8::1]:993`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,255}")
_P, _E = Protocol, Encryption
PORTS = {
    25: (_P.SMTP, _E.STARTTLS),
    465: (_P.SMTP, _E.TLS),
    587: (_P.SMTP, _E.STARTTLS),
    2525: (_P.SMTP, _E.STARTTLS),
    2465: (_P.SMTP, _E.TLS),
    2587: (_P.SMTP, _E.STARTTLS),
    143: (_P.IMAP, _E.STARTTLS),
    993: (_P.IMAP, _E.TLS),
    110: (_P.POP3, _E.STARTTLS),
    995: (_P.POP3, _E.TLS),
    4190: (_P.SIEVE, _E.STARTTLS),
}
"""What is spoken at which port: IANA's registry, RFC 8314 §3, and 2525 and its like by custom."""
_USUAL = {
    (_P.SMTP, _E.TLS): 465,
    (_P.SMTP, _E.STARTTLS): 587,
    (_P.SMTP, _E.NONE): 25,
    (_P.IMAP, _E.TLS): 993,
    (_P.IMAP, _E.STARTTLS): 143,
    (_P.IMAP, _E.NONE): 143,
    (_P.POP3, _E.TLS): 995,
    (_P.POP3, _E.STARTTLS): 110,
    (_P.POP3, _E.NONE): 110,
    (_P.SIEVE, _E.TLS): 4190,
    (_P.SIEVE, _E.STARTTLS): 4190,
    (_P.SIEVE, _E.NONE): 4190,
}


def parse(text: str, protocol: Protocol | None = None, encryption: Encryption | None = None) -> Target:
    """The target that a user named. Without a port: that of the protocol, which the name may tell.

    A bare domain, without port and protocol, is a mail domain: port 25 of its MX. Raises `InputError`.
    """
    host, port = _split(text)
    if port is None and protocol is None and encryption is None:
        protocol, encryption = _by_name(host)
        if protocol is None or encryption is None:
            return Target(host, 25, Protocol.SMTP, Encryption.STARTTLS, follow_mx=True)
    if port is None:
        protocol = protocol or Protocol.SMTP
        by_default = Encryption.STARTTLS if protocol in (_P.SMTP, _P.SIEVE) else Encryption.TLS
        encryption = encryption or by_default
        return Target(host, _USUAL[protocol, encryption], protocol, encryption)
    usual = PORTS.get(port)
    if usual is None and protocol is None:
        raise InputError(
            f"port {port} says nothing about what is spoken there",
            hint="Name it: --protocol smtp, imap, pop3 or sieve.",
        )
    known = Target(host, port, *(usual or (Protocol.SMTP, Encryption.STARTTLS)))
    return replace(known, protocol=protocol or known.protocol, encryption=encryption or known.encryption)


def _split(text: str) -> tuple[str, int | None]:
    host, port = text.strip(), ""
    if "://" in host:
        raise InputError(f"{text[:100]!r} is a URL", hint="Give the host and the port: smtp.example.org:587.")
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":")
        if rest and not rest.startswith(":"):
            host = ""
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
        if not port:
            host = ""
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise InputError(f"{port[:20]!r} is not a port", hint="A number from 1 to 65535.")
    return _plain(host, text), int(port) if port else None


def _plain(host: str, text: str) -> str:
    """The host in the form that DNS and certificates have."""
    if ":" in host:
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            host = ""
    name = host.rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            name = ""
    if not name or any(character in name for character in " /@\\") or not name.isprintable():
        finds = f"provision settings {text if _ADDRESS.fullmatch(text) else 'ADDRESS'} finds the servers"
        raise InputError(
            f"{text[:100]!r} is not HOST[:PORT]",
            hint=f"Such as smtp.example.org:587, mx1.example.org, [2001:db8::1]:993; {finds} of an address.",
        )
    return name


def _by_name(host: str) -> tuple[Protocol | None, Encryption | None]:
    first = host.partition(".")[0].rstrip("0123456789")
    return {
        "imap": (Protocol.IMAP, Encryption.TLS),
        "pop": (Protocol.POP3, Encryption.TLS),
        "smtp": (Protocol.SMTP, Encryption.STARTTLS),
        "submission": (Protocol.SMTP, Encryption.STARTTLS),
        "mx": (None, None),
    }.get(first, (None, None))
