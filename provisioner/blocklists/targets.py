"""From what the user named to what lists are asked about: addresses of mail servers, and names."""

from __future__ import annotations

import ipaddress
import re

from provisioner.blocklists.result import Target
from provisioner.dns.exchangers import Exchangers, exchangers
from provisioner.dns.resolver import Resolver
from provisioner.errors import InputError

_NAME = re.compile(
    r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
)


def checked_name(text: str) -> str:
    """An address or name as it is asked for; `InputError` for what is neither."""
    plain = text.strip().removeprefix("[").removesuffix("]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        pass
    try:
        name = plain if plain.isascii() else plain.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        hint = "An address such as 192.0.2.25 or 2001:db8::25, or a name such as example.org, is expected."
        if "@" in plain:
            hint = f"Name the domain: {plain.rpartition('@')[2][:80]}"
        raise InputError(f"{text[:80]!r} is neither an address nor a domain", hint=hint)
    return name


def found_target(name: str, resolver: Resolver) -> Target:
    """What belongs to an address or name (as `checked_name` gives it): its mail servers' addresses.

    A domain's servers are those in its MX records; without any, it is itself the server.
    """
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return _of_name(name, exchangers(name, resolver))
    return Target(name, ((str(address), ""),), (), notes=_strange([name]))


def _of_name(name: str, found: Exchangers) -> Target:
    addresses = tuple((address, host.name) for host in found.hosts for address in host.addresses)
    names = tuple(dict.fromkeys([name, *(host.name for host in found.hosts if not host.is_address)]))
    notes: list[str] = []
    silent = [host for host in found.hosts if not (host.ipv4.answered and host.ipv6.answered)]
    if not found.reply.answered:
        notes.append(f"Its MX records could not be asked for: {found.reply.detail}.")
    elif silent:
        detail = silent[0].ipv4.detail or silent[0].ipv6.detail
        notes.append(f"The addresses of {silent[0].name} could not be asked for: {detail}.")
    elif found.null and not found.hosts:
        notes.append("It takes no mail (null MX); the name alone was asked about.")
    elif not addresses:
        said = "does not exist" if found.reply.status == "nxdomain" else "has no mail server with an address"
        notes.append(f"It {said}; the name alone was asked about.")
    complete = found.reply.answered and not silent
    unique = tuple(dict.fromkeys(addresses))
    return Target(name, unique, names, notes=(*notes, *_strange([a for a, _ in unique])), complete=complete)


def _strange(addresses: list[str]) -> tuple[str, ...]:
    inside = [address for address in addresses if not ipaddress.ip_address(address).is_global]
    if not inside:
        return ()
    return (f"{inside[0]} is a private or reserved address: lists know addresses on the internet only.",)
