"""From the path of an inventory to hosts rendered for every release: the offline half of every command.

    prepared = prepare("inventory.yml", limit="mx1*")
    planned = plan_hosts(prepared.candidates, run)

Everything that is wrong in the inventory, the roles and the secrets is found here, before any
host is contacted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.apply import Candidates, candidates
from provisioner.errors import InputError, Mistakes
from provisioner.inventory import load_inventory
from provisioner.inventory.model import Host, Inventory
from provisioner.roles import Roles, check_hosts, load_roles
from provisioner.secrets import Secrets

if TYPE_CHECKING:
    from provisioner.secrets.vault import VaultPasswords


@dataclass(frozen=True)
class Prepared:
    """An inventory that has no mistakes, as every command goes on from it."""

    inventory: Inventory
    roles: Roles
    secrets: Secrets
    candidates: tuple[Candidates, ...]
    """One for each host that has roles, in the inventory's order."""
    without_roles: tuple[Host, ...] = ()


def prepare(
    source: str | Path,
    *,
    limit: str | None = None,
    vault: VaultPasswords | None = None,
    persist: bool = False,
    save: bool = True,
    notice: Callable[[str], None] = lambda _text: None,
) -> Prepared:
    """Read, judge and render. Raises Mistakes (exit 2) with everything that is wrong.

    With `persist`, secrets that a role needs and that do not exist yet are made and kept, and
    `notice` is told; without, they are made in memory only, so that a plan can be shown. Where they
    are to be kept later, once a person agreed, `save` is False and the caller saves them.
    """
    folder = folder_of(source)
    secrets = Secrets.open(folder, persist=persist)
    inventory = load_inventory(source, limit=limit, vault=vault, secrets=secrets)
    roles = load_roles(inventory.folder)
    with_roles = [host for host in inventory.hosts if host.roles]
    mistakes = list(check_hosts(inventory, roles))
    if mistakes:
        raise Mistakes(mistakes)
    found = candidates(with_roles, roles, secrets)
    if persist and save:
        secrets.save()
        if secrets.notice:
            notice(secrets.notice)
    return Prepared(
        inventory,
        roles,
        secrets,
        tuple(found),
        tuple(host for host in inventory.hosts if not host.roles),
    )


def folder_of(source: str | Path) -> Path:
    """The folder that lies around an inventory: roles, secrets and `known_hosts` are in it."""
    if str(source) == "-":
        return Path.cwd()
    path = Path(source)
    if not path.exists():
        raise InputError(f"there is no inventory at {path}", hint="provision init DIR starts one.")
    return path.absolute() if path.is_dir() else path.absolute().parent
