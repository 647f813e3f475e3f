"""The seeded fault of a host of an inventory: Dovecot as Debian starts it, and less of it deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from provisioner.sandbox import SandboxHost
from tests.hosts.audit_seeds import Seed, fails


@dataclass(frozen=True)
class HostSeed(Seed):
    """A host of the inventory, `mx.NAME.test`, with the role of Dovecot."""

    variables: Mapping[str, bool] = field(default_factory=dict)
    where: str = "Dovecot 2.3"

    @property
    def domain(self) -> str:
        """The target: the host's name."""
        return f"mx.{self.name}.test"


SURPLUS = HostSeed(
    "surplus",
    fails(services__unexpected="POP3 and ManageSieve as Debian starts them, where IMAP alone is deployed"),
    variables={"dovecot_pop3": False, "dovecot_managesieve": False},
)
DEPLOYED = HostSeed(
    "deployed",
    {},
    variables={"dovecot_pop3": True, "dovecot_managesieve": True},
    sound=("services.unexpected",),
)
SEEDS = (SURPLUS, DEPLOYED)


def write_inventory(path: Path, host: SandboxHost) -> str:
    """An inventory with the host at its IPv4 address for one seed, at its IPv6 address for the other."""
    common = {"roles": ["dovecot"], "mail_domains": {}}
    hosts = {
        seed.domain: {**common, **seed.variables, "ansible_host": str(address)}
        for seed, address in zip(SEEDS, (host.address, host.address6), strict=True)
    }
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    return str(path)
