"""Where mail for a domain goes: its MX records with the addresses behind them (RFC 5321 §5.1).

Without an MX the domain's own address takes its mail (the implicit MX); a single MX of preference 0
and an empty name says that there is no mail at all (the null MX, RFC 7505).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.dns.resolver import Reply, Resolver, Status

if TYPE_CHECKING:
    from provisioner.dns.reach import Reach

MOST = 20
"""Exchangers looked at, and addresses of each; nobody needs more, and a hostile domain may name thousands."""


@dataclass(frozen=True, slots=True)
class Exchanger:
    """One host that takes mail. `name` has no final dot; `""` is the null MX."""

    preference: int
    name: str
    ipv4: Reply
    ipv6: Reply

    @property
    def addresses(self) -> tuple[str, ...]:
        """IPv4 and then IPv6."""
        return (*self.ipv4.texts()[:MOST], *self.ipv6.texts()[:MOST])

    @property
    def is_address(self) -> bool:
        """Whether somebody wrote an address where a name belongs (RFC 5321 §5.1)."""
        try:
            ipaddress.ip_address(self.name)
        except ValueError:
            return False
        return True

    def reachable(self, reach: Reach) -> tuple[str, ...]:
        """The addresses that this record may lead us to."""
        return tuple(address for address in self.addresses if not reach.refusal(address))


@dataclass(frozen=True, slots=True)
class Exchangers:
    """What a domain says of where its mail goes; best preference first."""

    domain: str
    reply: Reply
    """The answer to the question for MX."""
    hosts: tuple[Exchanger, ...]
    """Without the null MX, each name once; the domain itself where it is its own implicit MX."""
    null: bool = False
    """There is a null MX, maybe beside others."""
    implicit: bool = False
    left_out: int = 0
    """Exchangers beyond `MOST`."""

    @property
    def takes_mail(self) -> bool:
        """Whether a sender finds an address to connect to."""
        return any(host.addresses for host in self.hosts)


def exchangers(domain: str, resolver: Resolver) -> Exchangers:
    """Ask for the MX records of `domain` and for the addresses of each."""
    name = domain.rstrip(".").lower()
    reply = resolver.ask(name, "MX")
    if reply.status is Status.NODATA:
        own = [host for host in _with_addresses([(0, name)], resolver) if host.addresses]
        return Exchangers(name, reply, tuple(own), implicit=bool(own))
    if reply.status is not Status.FOUND:
        return Exchangers(name, reply, ())
    found = sorted(
        (record.preference, str(record.exchange).rstrip(".").lower())  # type: ignore[attr-defined]  # MX
        for record in reply.records
    )
    best: dict[str, int] = {}
    for preference, target in found:
        best.setdefault(target, preference)
    null = "" in best
    named = [(preference, target) for target, preference in best.items() if target]
    hosts = _with_addresses(named[:MOST], resolver)
    return Exchangers(name, reply, tuple(hosts), null, left_out=len(named[MOST:]))


def _with_addresses(named: list[tuple[int, str]], resolver: Resolver) -> list[Exchanger]:
    questions = [(name, rdtype) for _, name in named for rdtype in ("A", "AAAA")]
    replies = iter(resolver.ask_all(questions))
    return [Exchanger(preference, name, next(replies), next(replies)) for preference, name in named]
