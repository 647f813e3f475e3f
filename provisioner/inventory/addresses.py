"""Two hosts with one address: changes to the one would be undone by the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provisioner.errors import InputError, Location
from provisioner.inventory.graph import HostDraft
from provisioner.inventory.model import Host

_BY_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.netcommon.libssh")
_WAY = ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_connection")
"""Behind different jump hosts, one private address is two machines."""


def shared_addresses(hosts: Iterable[Host], drafts: Mapping[str, HostDraft]) -> list[InputError]:
    """A mistake for each host whose address and port an earlier one has."""
    seen: dict[tuple[str, ...], Host] = {}
    mistakes = []
    for host in hosts:
        variables = host.variables
        if "ansible_host" in host.unresolved or variables.get("ansible_connection", "ssh") not in _BY_SSH:
            continue
        address = str(variables.get("ansible_host") or variables.get("ansible_ssh_host") or host.name)
        port = str(variables.get("ansible_port") or variables.get("ansible_ssh_port") or 22)
        way = tuple(str(variables.get(name, "")) for name in _WAY)
        key = (address.lower().rstrip("."), port, *way)
        if (first := seen.setdefault(key, host)) is not host:
            mistakes.append(
                InputError(
                    f"{host.name} and {first.name} have one address, {address} port {port}",
                    where=_place(host, drafts),
                    note=f"as {first.name}{_at(_place(first, drafts))}",
                )
            )
    return mistakes


def _place(host: Host, drafts: Mapping[str, HostDraft]) -> Location | None:
    return host.origins.find(("ansible_host",)) or drafts[host.name].where


def _at(where: Location | None) -> str:
    return f" in line {where.line}" if where is not None and where.line is not None else ""
