"""At which addresses a host is to be reached from outside, over IPv4 and IPv6."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise

SCRIPT = """\
[ -r /etc/os-release ] && . /etc/os-release
printf 'release %.40s\\n' "${VERSION_CODENAME:-}"
ip -o addr show scope global 2>/dev/null || hostname -I
"""
"""Prints the release and the host's own addresses, in one command."""

_PASSING = ("temporary", "deprecated", "tentative", "dadfailed")
"""Marks of IPv6 addresses that nobody is to be sent to (RFC 8981, RFC 4862)."""


@dataclass(frozen=True, slots=True)
class Reach:
    """One way to a host. `address` is where we connect to, `outward` the same as the host sees it."""

    family: str
    """`ipv4` or `ipv6`."""
    address: str
    outward: str


@dataclass(frozen=True, slots=True)
class Place:
    """What a host said about where it is."""

    release: str
    addresses: tuple[str, ...]


def parse_place(said: str) -> Place:
    """Read the answer to `SCRIPT`. Anything that isn't an address is passed over."""
    release = ""
    found: dict[str, None] = {}
    for line in said.splitlines()[:200]:
        words = line.split()
        if words[:1] == ["release"]:
            release = words[1] if len(words) > 1 else ""
        elif not any(mark in words for mark in _PASSING):
            # `ip` writes `2: eth0 inet 192.0.2.7/24 brd …`, `hostname -I` nothing but addresses.
            marked = [after for mark, after in pairwise(words) if mark in ("inet", "inet6")]
            found |= dict.fromkeys(address for word in marked or words if (address := _own_address(word)))
    return Place(release, tuple(found))


def _own_address(word: str) -> str:
    try:
        address = ip_address(word.partition("/")[0])
    except ValueError:
        return ""
    return "" if address.is_loopback or address.is_link_local else str(address)


def ways_to(address: str, own: Sequence[str]) -> tuple[Reach, ...]:
    """How to reach a host that SSH reaches at `address` and that has the addresses `own`.

    The family that `address` belongs to is tried there; the other at the host's own first address of
    that family. A name is looked up by the system's resolver.
    """
    known = {_family(one): one for one in reversed(list(own))}
    asked = _resolved(address)
    ways = []
    for family in ("ipv4", "ipv6"):
        to = asked.get(family) or known.get(family)
        if to:
            outward = to if to in own else known.get(family, to)
            ways.append(Reach(family, to, outward))
    return tuple(ways)


def _family(address: str) -> str:
    return "ipv6" if isinstance(ip_address(address), IPv6Address) else "ipv4"


def _resolved(address: str) -> dict[str, str]:
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
        return {_family(str(found)): address}
    except ValueError:
        pass
    try:
        answers = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except OSError:
        return {}
    families = {socket.AF_INET: "ipv4", socket.AF_INET6: "ipv6"}
    result: dict[str, str] = {}
    for family, _, _, _, where in answers:
        if family in families:
            result.setdefault(families[family], str(where[0]))
    return result
