"""SRV records of mail services: RFC 6186 §3, RFC 8314 §5.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from provisioner.client_settings.result import Encryption, Kind, Protocol, Server, Source

if TYPE_CHECKING:
    from provisioner.dns.resolver import Reply

SERVICES = (
    ("_imaps._tcp", Protocol.IMAP, Encryption.TLS),
    ("_imap._tcp", Protocol.IMAP, Encryption.STARTTLS),
    ("_pop3s._tcp", Protocol.POP3, Encryption.TLS),
    ("_pop3._tcp", Protocol.POP3, Encryption.STARTTLS),
    ("_submissions._tcp", Protocol.SMTP, Encryption.TLS),
    ("_submission._tcp", Protocol.SMTP, Encryption.STARTTLS),
)


def read(domain: str, address: str, ask: Callable[[str, str], Reply]) -> Source:
    """What the domain's SRV records say. A target of `.` means that the service is not offered."""
    found: list[tuple[tuple[int, int], Server]] = []
    absent: list[str] = []
    signed = True
    problems: list[str] = []
    for service, protocol, encryption in SERVICES:
        reply = ask(f"{service}.{domain}", "SRV")
        if not reply.answered:
            problems.append(reply.detail)
        signed = signed and (reply.authenticated or not reply.records)
        for record in reply.records:
            host = str(getattr(record, "target", "")).rstrip(".").lower()
            order = (int(getattr(record, "priority", 0)), -int(getattr(record, "weight", 0)))
            if not host:
                absent.append(service)
            else:
                port = int(getattr(record, "port", 0))
                found.append((order, Server(protocol, host, port, encryption, address, "account")))
    servers = tuple(server for _, server in sorted(found, key=lambda pair: pair[0]))
    problem = "" if servers else "; ".join(dict.fromkeys(problems)) or _nothing(domain, absent)
    where = f"SRV records of {domain}"
    return Source(Kind.SRV, where, servers, problem, _warning(domain, servers, signed), _note(absent))


def _nothing(domain: str, absent: list[str]) -> str:
    return "they say that there are no such services" if absent else f"{domain} has none"


def _note(absent: list[str]) -> str:
    return f"Said not to be offered: {', '.join(absent)}." if absent else ""


def _warning(domain: str, servers: tuple[Server, ...], signed: bool) -> str:
    """RFC 6186 §6: an answer that nobody signed may lead to a stranger's server."""
    elsewhere = sorted({s.host for s in servers if not f".{s.host}".endswith(f".{domain}")})
    if signed or not elsewhere:
        return ""
    return f"the records are not signed (DNSSEC) and lead out of {domain}, to {', '.join(elsewhere)}"
