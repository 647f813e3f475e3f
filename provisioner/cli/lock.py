"""`provision lock` and `provision unlock`: keep others from changing hosts for a while, with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.hosts.connection import Connection
    from provisioner.hosts.hold import Answer
    from provisioner.hosts.settings import ConnectionOptions
    from provisioner.inventory.model import Inventory

Force = Annotated[bool, typer.Option("--force", help="Also where the lock is somebody else's.")]


def lock_command(
    inventory: InventoryPath,
    span: Annotated[
        str,
        typer.Option("--for", metavar="TIME", help="How long, at most: 90m, 2h, 1d12h.", show_default=False),
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; plan shows it.", show_default=False)
    ],
    force: Force = False,
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
    """Keep everybody else from changing hosts for a while: their apply leaves them alone and exits 3.

    The lock ends by itself. Who set it can still apply, and may set it again to make it longer.
    """
    from provisioner.cli.history import managed
    from provisioner.git import author
    from provisioner.hosts.hold import LONGEST_REASON, duration, set_hold
    from provisioner.hosts.settings import ConnectionOptions

    time_span = duration(span)
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise InputError(f"--reason takes 1 to {LONGEST_REASON} characters", hint="Say why, for the others.")
    read, _ = managed(inventory, limit, vault_password_file, vault_id)
    options = ConnectionOptions(
        timeout=timeout, ssh_key=ssh_key, known_hosts=known_hosts, trust_on_first_use=trust_on_first_use
    )
    who = author(read.folder)

    def ask(connection: Connection) -> Answer:
        return set_hold(connection, time_span, who, reason.strip(), force=force)

    raise typer.Exit(_on_all(read, options, forks, ask, name="lock", as_json=as_json, quiet=verbose > 0))


def unlock_command(
    inventory: InventoryPath,
    force: Force = False,
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
    """End the lock on hosts before its time. Somebody else's stays, unless --force says otherwise."""
    from provisioner.cli.history import managed
    from provisioner.git import author
    from provisioner.hosts.hold import release_hold
    from provisioner.hosts.settings import ConnectionOptions

    read, _ = managed(inventory, limit, vault_password_file, vault_id)
    options = ConnectionOptions(
        timeout=timeout, ssh_key=ssh_key, known_hosts=known_hosts, trust_on_first_use=trust_on_first_use
    )
    who = author(read.folder)

    def ask(connection: Connection) -> Answer:
        return release_hold(connection, who, force=force)

    raise typer.Exit(_on_all(read, options, forks, ask, name="unlock", as_json=as_json, quiet=verbose > 0))


def _on_all(
    inventory: Inventory,
    options: ConnectionOptions,
    forks: int,
    ask: Callable[[Connection], Answer],
    *,
    name: str,
    as_json: bool,
    quiet: bool,
) -> int:
    """Ask every host that has roles, side by side; print what they said; the highest exit code."""
    from concurrent.futures import ThreadPoolExecutor

    from provisioner.apply import Progress
    from provisioner.cli.errors import shortest_name
    from provisioner.cli.history import with_roles
    from provisioner.errors import ProvisionError
    from provisioner.hosts.connection import connect, connection_settings
    from provisioner.inventory.model import Host
    from provisioner.report import lock
    from provisioner.report.live import Live
    from provisioner.report.terminal import standard

    started = time.monotonic()
    hosts = with_roles(inventory)
    screen = standard()
    live = Live(screen, [host.name for host in hosts], quiet=quiet)

    def one(host: Host) -> Answer | ProvisionError:
        live(Progress(host.name, "connecting"))
        try:
            with connect(connection_settings(host, options, Path(inventory.folder))) as connection:
                return ask(connection)
        except ProvisionError as error:
            return error
        finally:
            live(Progress(host.name, "done"))

    if not hosts:
        screen.progress("No hosts that have roles.")
        return 0
    with live, ThreadPoolExecutor(min(forks, len(hosts)), thread_name_prefix="host") as pool:
        answers = dict(zip((host.name for host in hosts), pool.map(one, hosts), strict=True))
    if as_json:
        screen.document(lock.answers_document(name, answers, time.monotonic() - started))
    else:
        screen.result(*lock.answer_lines(answers, screen.width, shortest_name))
    return max(lock.code(answer) for answer in answers.values())
