"""`provision history`: what was applied to each host, when, by whom, from which commit, with what outcome."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from provisioner.cli.options import (
    DEFAULT_FORKS,
    DEFAULT_TIMEOUT,
    Forks,
    InventoryPath,
    Json,
    KnownHosts,
    Limit,
    SshKey,
    Timeout,
    TrustOnFirstUse,
    VaultId,
    VaultPasswordFile,
    Verbose,
)

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, Inventory
    from provisioner.secrets import Secrets


def history_command(
    inventory: InventoryPath,
    limit: Limit = None,
    as_json: Json = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    ssh_key: SshKey = None,
    known_hosts: KnownHosts = None,
    trust_on_first_use: TrustOnFirstUse = False,
    vault_password_file: VaultPasswordFile = None,
    vault_id: VaultId = None,
    forks: Forks = DEFAULT_FORKS,
    verbose: Verbose = 0,
) -> None:
    """Show what was applied to each host, the newest first; -v names every resource.

    Hosts keep their last twenty transactions. Exits 5 where a host could not be reached.
    """
    from provisioner.apply import Progress
    from provisioner.cli.errors import shortest_name
    from provisioner.history.histories import read_histories, touched
    from provisioner.hosts.settings import ConnectionOptions
    from provisioner.report.history import history_document, history_lines
    from provisioner.report.live import Live
    from provisioner.report.terminal import standard

    started = time.monotonic()
    read, _ = managed(inventory, limit, vault_password_file, vault_id)
    hosts = with_roles(read)
    screen = standard()
    live = Live(screen, [host.name for host in hosts], quiet=verbose > 0)
    options = ConnectionOptions(
        timeout=timeout, ssh_key=ssh_key, known_hosts=known_hosts, trust_on_first_use=trust_on_first_use
    )
    with live:
        histories = read_histories(
            hosts,
            read.folder,
            options,
            forks=forks,
            report=lambda host, step: live(Progress(host, step)),
        )
    if as_json:
        screen.document(history_document(histories, touched, time.monotonic() - started))
    else:
        screen.result(*history_lines(histories, touched, screen.width, whole=verbose > 0, name=shortest_name))
    raise typer.Exit(max((one.error.exit_code for one in histories if one.error is not None), default=0))


def managed(
    source: Path, limit: str | None, password_file: Path | None, ids: list[str] | None
) -> tuple[Inventory, Secrets]:
    """The inventory as it is, its roles not looked at: a mistake there must not bar the way back."""
    from provisioner.cli.asking import vault_passwords
    from provisioner.inventory import load_inventory
    from provisioner.prepare import folder_of
    from provisioner.secrets import Secrets

    secrets = Secrets.open(folder_of(source), persist=False)
    vault = vault_passwords(password_file, ids)
    return load_inventory(source, limit=limit, vault=vault, secrets=secrets), secrets


def with_roles(inventory: Inventory) -> list[Host]:
    """Its hosts that have roles."""
    return [host for host in inventory.hosts if host.roles]
