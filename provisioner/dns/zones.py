"""The zone that a name lies in: where its records are kept and signed."""

from __future__ import annotations

from provisioner.dns.resolver import Resolver, Status


def zone_of(name: str, resolver: Resolver) -> str:
    """The name of the zone, found by its SOA record; `""` where nobody says.

    Asked with validation off, so that a zone whose signatures are wrong has its name too.
    """
    reply = resolver.ask(name, "SOA", checking_disabled=True)
    return reply.canonical if reply.status is Status.FOUND else reply.zone
