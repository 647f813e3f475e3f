"""Try the servers that were found for an address, side by side, as far as one gets without a login."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from provisioner.client_settings.result import Kind, Server
from provisioner.connection.result import Walk
from provisioner.connection.target import Encryption, Protocol, Target
from provisioner.connection.walk import walk
from provisioner.connection.walker import Walker, Wish
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Resolver

MOST_SERVERS = 16
"""A document of a stranger may name thousands, and we would knock at each."""


def try_servers(
    servers: Sequence[Server], found: Kind, wish: Wish, resolver: Resolver, reach: Reach
) -> tuple[Walk, ...]:
    """A walk for each of the first `MOST_SERVERS` servers, in their order; `wish` has no login."""
    targets = [_target(server, found) for server in servers[:MOST_SERVERS]]
    with ThreadPoolExecutor(max(1, len(targets))) as pool:
        return tuple(pool.map(lambda target: _walk(target, wish, resolver, reach), targets))


def _walk(target: Target, wish: Wish, resolver: Resolver, reach: Reach) -> Walk:
    walker = Walker(target, wish, resolver, reach)
    try:
        return walk(walker)
    finally:
        walker.end()


def _target(server: Server, found: Kind) -> Target:
    protocol, encryption = Protocol(server.protocol.value), Encryption(server.encryption.value.lower())
    return Target(server.host, server.port, protocol, encryption, from_record=not _ours(server, found))


def _ours(server: Server, found: Kind) -> bool:
    """An address that our own list has, such as Proton's Bridge on this machine: no stranger wrote it."""
    try:
        ipaddress.ip_address(server.host)
    except ValueError:
        return False
    return found is Kind.PRESET
