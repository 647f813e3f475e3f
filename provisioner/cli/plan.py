"""`provision plan` and `provision apply`: show what would change; change it."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.cli.edited import Edits, KeepEdits, OverwriteEdits
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

Force = Annotated[
    bool,
    typer.Option("--force", help="Go on although the first look at the host says mail would not work."),
]
LockTimeout = Annotated[
    int,
    typer.Option(
        "--lock-timeout",
        metavar="SECONDS",
        min=0,
        max=86400,
        help="How long to wait where another transaction is at work on a host.",
    ),
]
IgnoreLock = Annotated[
    bool, typer.Option("--ignore-lock", help="Go on where somebody has locked a host for a while.")
]
Atomic = Annotated[bool, typer.Option("--atomic", help="All hosts keep their change, or none does.")]


def plan_command(
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
    force: Force = False,
    keep_edits: KeepEdits = False,
    verbose: Verbose = 0,
) -> None:
    """Connect, read, and show what apply would change. Changes nothing, ever.

    Exits 3 where something would change, so that a CI run can tell.
    """
    from provisioner.cli.change import ChangeRun, Connecting
    from provisioner.cli.prepare import prepared

    work = ChangeRun(
        prepared(inventory, limit, vault_password_file, vault_id, persist=False),
        Connecting(timeout, ssh_key, known_hosts, trust_on_first_use, forks, force),
        as_json=as_json,
        verbose=verbose,
        edits=Edits(keep_edits),
    )
    raise typer.Exit(work.plan())


def apply_command(
    inventory: InventoryPath,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")] = False,
    verify: Annotated[
        bool | None,
        typer.Option(
            "--verify/--no-verify",
            help="Verify all hosts afterwards, or none; by default those that changed.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only show what would change, as plan.")] = False,
    limit: Limit = None,
    as_json: Json = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    ssh_key: SshKey = None,
    known_hosts: KnownHosts = None,
    trust_on_first_use: TrustOnFirstUse = False,
    vault_password_file: VaultPasswordFile = None,
    vault_id: VaultId = None,
    forks: Forks = DEFAULT_FORKS,
    force: Force = False,
    keep_edits: KeepEdits = False,
    overwrite_edits: OverwriteEdits = False,
    lock_timeout: LockTimeout = 60,
    ignore_lock: IgnoreLock = False,
    serial: Annotated[
        str,
        typer.Option(
            "--serial",
            metavar="N|P%",
            help="Change hosts in batches, in the inventory's order; none after one with a failure. "
            "1,25% begins with one.",
            show_default=False,
        ),
    ] = "",
    max_fail: Annotated[
        str,
        typer.Option(
            "--max-fail", metavar="N|P%", help="Begin no further host once more failed.", show_default=False
        ),
    ] = "",
    atomic: Atomic = False,
    verbose: Verbose = 0,
) -> None:
    """Make the hosts what the inventory says: plan, ask, change, prove, verify, report.

    Each host changes as one transaction. If its services do not work afterwards, everything on it
    is put back as it was.
    """
    from provisioner.cli.change import ChangeRun, Connecting, Rolling
    from provisioner.cli.prepare import prepared
    from provisioner.rollout import shares

    rolling = Rolling(
        lock_timeout,
        ignore_lock,
        shares(serial, "--serial", least=1) if serial else (),
        shares(max_fail, "--max-fail", least=0, several=False)[0] if max_fail else None,
        atomic,
    )
    work = ChangeRun(
        prepared(inventory, limit, vault_password_file, vault_id, persist=not check),
        Connecting(timeout, ssh_key, known_hosts, trust_on_first_use, forks, force),
        as_json=as_json,
        verbose=verbose,
        edits=Edits(keep_edits, overwrite_edits),
        rolling=rolling,
    )
    raise typer.Exit(work.plan() if check else work.apply(yes, verify))
