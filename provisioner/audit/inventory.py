"""What an inventory names for an audit: its mail domains, and its hosts with the ports that are deployed.

And the host that somebody names as for SSH: `root@mx1.example.org`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from provisioner.audit.outside import DomainTarget, HostTarget
from provisioner.audit.services import BY_NUMBER
from provisioner.dns.resolver import Resolver
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.hosts.settings import Settings
    from provisioner.inventory.model import Host
    from provisioner.prepare import Prepared
    from provisioner.roles.model import Desired


Way = Callable[["Host"], "Settings | None"]
"""The way into a host over SSH; None where nobody is to look from inside."""


def inventory_targets(
    prepared: Prepared, resolver: Resolver, way: Way = lambda _host: None
) -> list[DomainTarget | HostTarget]:
    """The targets of an inventory: mail domains first, then every host that has a mail port or a way in.

    Raises `InputError` where there is neither.
    """
    desired = [next(iter(one.by_release.values())) for one in prepared.candidates]
    domains = dict.fromkeys(domain for one in desired for domain in _mail_domains(one))
    targets: list[DomainTarget | HostTarget] = [DomainTarget(name, name) for name in domains]
    for one in desired:
        login = way(one.host)
        if login is not None or _mail_ports(one):
            targets.append(_host(one, login, resolver))
    for host in prepared.without_roles:
        if (login := way(host)) is not None:
            targets.append(login_target(host.name, login, resolver))
    if not targets:
        raise InputError(
            "the inventory has no mail domain, and no host with a mail port",
            hint="A host that shall be audited as it is can be named: provision audit mx1.example.org",
        )
    return targets


def login_target(text: str, login: Settings, resolver: Resolver) -> HostTarget:
    """A host of which we know only the way in, so that it is judged as one of others is."""
    return HostTarget(text, login.address, tuple(_addresses(login.address, resolver)), login=login)


def _mail_ports(desired: Desired) -> frozenset[int]:
    return frozenset(port.number for port in desired.ports if port.number in BY_NUMBER and port.public)


def _host(desired: Desired, login: Settings | None, resolver: Resolver) -> HostTarget:
    variables = desired.host.variables
    reached = str(variables.get("ansible_host") or desired.host.name)
    own = [str(one) for one in _listed(desired.variables.get("mail_addresses"))]
    addresses = _addresses(reached, resolver)
    # Both families, as `mail_addresses` has them; SSH's address alone, where it is not among them.
    chosen = [*addresses, *(one for one in own if _family(one) not in map(_family, addresses))]
    name = str(desired.variables.get("mail_hostname") or desired.host.name)
    domain = next(iter(_mail_domains(desired)), "")
    deployed = frozenset(port.number for port in desired.ports if port.public)
    # A host without mail ports has nothing to be judged from outside.
    addresses = chosen if _mail_ports(desired) else []
    return HostTarget(
        desired.host.name, name, tuple(addresses), domain, _mail_ports(desired), deployed, login
    )


def _addresses(host: str, resolver: Resolver) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        return list(resolver.addresses(host))


def _family(address: str) -> int:
    return 6 if ":" in address else 4


def _mail_domains(desired: Desired) -> list[str]:
    return [str(name) for name in _listed(desired.variables.get("mail_domains"))]


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, Mapping | list | tuple) else []
