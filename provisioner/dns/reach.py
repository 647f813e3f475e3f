"""Which addresses a record may lead us to.

What is in DNS was written by strangers. An MX that points at `127.0.0.1`, at a router of the office
or at a cloud's metadata service (169.254.169.254) would make us connect there from inside. Such an
address is reported and not followed, unless the user named it, or a network that holds it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from provisioner.errors import InputError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Global unicast by IANA's registries, and yet inside somebody's cloud.
_METADATA = frozenset({"168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"})


class Reach:
    """The public internet, and what the user has named besides."""

    def __init__(self, networks: Iterable[str] = (), addresses: Iterable[str] = ()) -> None:
        """`networks` such as `10.0.0.0/8`; `addresses` of the targets themselves. Raises `InputError`."""
        self._networks = [*map(_network, networks), *map(_network, addresses)]

    def refusal(self, address: str) -> str:
        """Why a record must not lead us to `address`; `""` where it may."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return "not an address"
        if any(parsed in network for network in self._networks):
            return ""
        embedded = _embedded(parsed)
        if embedded is not None and any(embedded in network for network in self._networks):
            return ""
        return (_special(embedded) if embedded is not None else "") or _special(parsed)


def _special(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if str(address) in _METADATA:
        return "a cloud's metadata address"
    if address.is_loopback:
        return "a loopback address"
    if address.is_unspecified:
        return "the unspecified address"
    if address.is_multicast:
        return "a multicast address"
    if address.is_link_local:
        return "a link-local address, where clouds keep their metadata"
    if not address.is_global:
        return "a private or reserved address"
    return ""


def _embedded(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4, Teredo, NAT64 (RFC 6052 §2.1)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InputError(
            f"{text[:80]!r} is not a network", hint="Such as 10.0.0.0/8, 192.168.1.4 or fd00::/8."
        ) from None
