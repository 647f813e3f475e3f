"""What the words of `provision audit` name: targets with their addresses, and the ways into hosts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioner.audit.outside import Auditable, HostTarget
    from provisioner.audit.targets import LoginTarget
    from provisioner.dns.resolver import Resolver
    from provisioner.hosts.settings import ConnectionOptions, Settings
    from provisioner.inventory.model import Host
    from provisioner.prepare import Prepared


@dataclass(frozen=True)
class Ways:
    """How hosts are logged in to, and inventories read."""

    options: ConnectionOptions | None = None
    """None: nowhere."""
    limit: str | None = None
    vault_password_file: Path | None = None
    vault_id: list[str] | None = None


@dataclass(frozen=True)
class Named:
    """What the words of the command line come to."""

    targets: list[Auditable]
    inventories: list[Prepared]


def named_targets(texts: Iterable[str], resolver: Resolver, ways: Ways) -> Named:
    """Every target once. Raises `InputError`. Nothing is contacted but DNS, for addresses of hosts."""
    from provisioner.audit.inventory import inventory_targets
    from provisioner.audit.targets import InventoryTarget, LoginTarget, parse_target

    found: dict[str, Auditable] = {}
    inventories: list[Prepared] = []
    for target in [parse_target(text) for text in texts]:
        if isinstance(target, LoginTarget):
            found.setdefault(target.text, _login(target, resolver, ways))
        elif isinstance(target, InventoryTarget):
            prepared = read_inventory(target.text, ways)
            inventories.append(prepared)
            for one in inventory_targets(prepared, resolver, partial(_way, prepared, ways)):
                # A host may be called as its domain is: both are to be seen.
                text = one.text if one.text not in found else f"{one.text} (host)"
                found.setdefault(text, replace(one, text=text))
        else:
            found.setdefault(target.text, target)
    return Named(list(found.values()), inventories)


def read_inventory(source: str, ways: Ways) -> Prepared:
    """The inventory with its hosts rendered. Raises `Mistakes`."""
    from provisioner.cli.asking import vault_passwords
    from provisioner.prepare import prepare

    return prepare(source, limit=ways.limit, vault=vault_passwords(ways.vault_password_file, ways.vault_id))


def _way(prepared: Prepared, ways: Ways, host: Host) -> Settings | None:
    from provisioner.hosts.settings import connection_settings

    return connection_settings(host, ways.options, prepared.inventory.folder) if ways.options else None


def _login(target: LoginTarget, resolver: Resolver, ways: Ways) -> HostTarget:
    """`USER@HOST`. Unknown keys are kept where ssh keeps them."""
    from provisioner.audit.inventory import login_target
    from provisioner.cli.target import connection_variables, named_host
    from provisioner.hosts.settings import ConnectionOptions, connection_settings

    folder = Path("~/.ssh").expanduser()
    host = named_host(connection_variables(target.text, None))
    settings = connection_settings(
        host, ways.options or ConnectionOptions(), folder if folder.is_dir() else Path()
    )
    found = login_target(target.text, settings, resolver)
    return found if ways.options else replace(found, login=None)
