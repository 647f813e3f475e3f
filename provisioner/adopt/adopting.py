"""From a connection to a folder with an inventory: read, describe, write, and say what will change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.adopt import write
from provisioner.adopt.announce import announce
from provisioner.adopt.describe import describe, unsupported
from provisioner.adopt.result import Announced, Described
from provisioner.adopt.seen import Seen
from provisioner.errors import AnswerIsNo, Mistakes
from provisioner.inventory import load_inventory
from provisioner.roles import check_hosts, load_roles
from provisioner.roles.model import RELEASES, Desired
from provisioner.roles.resolution import resolve
from provisioner.secrets import Secrets


@dataclass(frozen=True)
class Adopted:
    """What was written, and what the first apply will do."""

    described: Described
    announced: Announced
    secrets: Secrets


def adopt(
    seen: Seen, folder: Path, connection: Mapping[str, object], source: str, name: str, *, force: bool
) -> Adopted:
    """Write everything but the report into `folder`.

    `connection` are the variables of the way to the host, `source` is what the person typed, `name` what the
    host is called where it has no better name of its own. Raises AnswerIsNo for a server that is neither
    Postfix nor Dovecot, InputError where something would be overwritten.
    """
    if (refusal := unsupported(seen, source)) is not None:
        raise refusal
    if seen.release not in RELEASES:
        raise AnswerIsNo(
            f"{source} runs {seen.release or 'no Debian that says its release'}; roles are written "
            "for Debian 12 "
            "and 13",
            hint="Upgrade it first, or write an inventory for a new host and move the mail.",
        )
    described = describe(seen, name)
    texts = {**described.files, write.INVENTORY: write.inventory_text(described, connection, source)}
    with write.all_or_nothing(folder / path for path in texts):
        secrets = write.write_secrets(described, folder, force=force)
        for path, text in texts.items():
            write.put(folder / path, text)
        desired = _rendered(folder, seen.release, secrets)
        secrets.save()
    return Adopted(described, announce(desired, seen), secrets)


def _rendered(folder: Path, release: str, secrets: Secrets) -> Desired:
    """The inventory that was just written, as it would be deployed. Secrets that roles need are made."""
    inventory = load_inventory(folder / write.INVENTORY, secrets=secrets)
    roles = load_roles(folder)
    if mistakes := list(check_hosts(inventory, roles)):
        raise Mistakes(mistakes)
    return [resolve(inventory.hosts[0], roles, secrets, one) for one in RELEASES][RELEASES.index(release)]
