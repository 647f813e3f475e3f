"""`provision rollback`: bring hosts back to what they were before an apply, as a transaction of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.change import ChangeRun, Connecting, Rolling
from provisioner.cli.edited import HINT_OF_ROLLBACK, Edits, OverwriteEdits
from provisioner.cli.interrupt import ending_at_once
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
from provisioner.cli.plan import Atomic, IgnoreLock, LockTimeout
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.apply import HostOutcome, Planned
    from provisioner.inventory.model import Inventory
    from provisioner.prepare import Prepared
    from provisioner.secrets import Secrets
    from provisioner.verify.result import HostReport

ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6,}\Z")


def rollback_command(
    inventory: InventoryPath,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="ID",
            help="Go back to the state after this transaction, to a time (2026-11-24 14:02), or to `start`.",
            show_default=False,
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Go back without asking.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only show what would change.")] = False,
    limit: Limit = None,
    as_json: Json = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    ssh_key: SshKey = None,
    known_hosts: KnownHosts = None,
    trust_on_first_use: TrustOnFirstUse = False,
    vault_password_file: VaultPasswordFile = None,
    vault_id: VaultId = None,
    forks: Forks = DEFAULT_FORKS,
    overwrite_edits: OverwriteEdits = False,
    lock_timeout: LockTimeout = 60,
    ignore_lock: IgnoreLock = False,
    atomic: Atomic = False,
    verbose: Verbose = 0,
) -> None:
    """Bring back files, owners, modes, links and services as they were before the last apply.

    It is a transaction like an apply: checked, proven, kept or undone; another rollback takes it back.
    The next plan shows what the inventory wants again.
    """
    from provisioner.cli.history import managed

    target = moment_or_id(to)
    read, secrets = managed(inventory, limit, vault_password_file, vault_id)
    work = RollbackRun(
        prepared_of(read, secrets),
        Connecting(timeout, ssh_key, known_hosts, trust_on_first_use, forks, force=False),
        as_json=as_json,
        verbose=verbose,
        edits=Edits(overwrite=overwrite_edits),
        rolling=Rolling(lock_timeout, ignore_lock, atomic=atomic),
    )
    work.to = target
    raise typer.Exit(work.plan() if check else work.apply(yes, verify=False))


class RollbackRun(ChangeRun):
    """A run whose plans come from what the hosts have kept, not from the inventory."""

    planning = changing = "rollback"
    hint = HINT_OF_ROLLBACK
    to = ""

    def _read(self, mend: bool) -> list[Planned]:
        from provisioner.history.restore import plan_rollbacks

        if not self.hosts:
            self.screen.progress("No hosts that have roles.")
        with self.live, ending_at_once(self.live):
            return plan_rollbacks(self.hosts, self.run, self.to, mend=mend)

    def _verify(self, outcomes: Sequence[HostOutcome], wanted: bool | None) -> Sequence[HostReport]:
        """The ports have been proven; the checks are those of the inventory, which wants something else."""
        return []


def prepared_of(inventory: Inventory, secrets: Secrets) -> Prepared:
    """The hosts that have roles, without a look at what the roles want of them now."""
    from provisioner.apply import Candidates
    from provisioner.cli.history import with_roles
    from provisioner.prepare import Prepared
    from provisioner.roles.loading import Roles
    from provisioner.roles.templates import Templates

    roles = Roles({}, inventory.folder, Templates(inventory.folder))
    return Prepared(inventory, roles, secrets, tuple(Candidates(host, {}) for host in with_roles(inventory)))


def moment_or_id(text: str) -> str:
    """`text` if it is an id or `start`; a time, of this machine's zone unless it says one, as ids begin.

    Raises InputError for anything else.
    """
    if not text or text == "start" or ID.match(text):
        return text
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y%m%dT%H%M%S}"
    except ValueError:
        raise InputError(
            f"--to {text}: neither a transaction nor a time",
            hint="provision history shows the transactions; a time is written 2026-11-24T14:02.",
        ) from None
