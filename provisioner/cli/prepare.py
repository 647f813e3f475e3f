"""What every command that takes an inventory does first, from the options that they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.prepare import Prepared
    from provisioner.secrets import Secrets


def prepared(
    inventory: Path, limit: str | None, password_file: Path | None, ids: list[str] | None, *, persist: bool
) -> Prepared:
    """Read, judge and render; contacts nobody. Raises InputError, or Mistakes with all of them.

    With `persist`, secrets that are made on the way can be kept: with `keep`, once it is time.
    """
    from provisioner.cli.asking import vault_passwords
    from provisioner.prepare import prepare

    return prepare(
        inventory, limit=limit, vault=vault_passwords(password_file, ids), persist=persist, save=False
    )


def keep(secrets: Secrets) -> None:
    """Save the secrets that a run made, and say so on stderr."""
    from provisioner.cli.errors import shortest_name
    from provisioner.report.layout import names
    from provisioner.report.terminal import standard

    notice = secrets.notice
    if written := secrets.save():
        screen = standard()
        if notice:
            screen.progress(notice)
        screen.progress(f"Kept in {shortest_name(str(secrets.path))}: {names(written, 5)}. Commit it.")
