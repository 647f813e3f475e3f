"""`provision render`: every file that would be deployed, written here instead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import InventoryPath, Json, Limit, VaultId, VaultPasswordFile

if TYPE_CHECKING:
    from provisioner.roles.model import Desired

Release = Annotated[
    str | None,
    typer.Option(
        "--release",
        metavar="bookworm|trixie",
        help="Render for this Debian release; by default the host's debian_release, else the newest.",
        show_default=False,
    ),
]


def render_command(
    inventory: InventoryPath,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write into, as DIR/HOST/path.")
    ],
    release: Release = None,
    show_secrets: Annotated[
        bool,
        typer.Option(
            "--show-secrets", help="Write secrets themselves; without it placeholders stand for them."
        ),
    ] = False,
    limit: Limit = None,
    as_json: Json = False,
    vault_password_file: VaultPasswordFile = None,
    vault_id: VaultId = None,
) -> None:
    """Write every file that would be deployed, without a connection.

    Files that hold secrets are readable by you alone, and hold placeholders in their place.
    """
    from provisioner.cli.asking import vault_passwords
    from provisioner.rendering import for_release, render_offline, write_files
    from provisioner.report.layout import counted
    from provisioner.report.terminal import standard

    known_release(release)
    offline = render_offline(
        inventory,
        limit=limit,
        vault=vault_passwords(vault_password_file, vault_id),
        show_secrets=show_secrets,
    )
    wanted = [for_release(host, release) for host in offline.hosts]
    written = write_files(wanted, out)
    screen = standard()
    if as_json:
        screen.document(_document(wanted, out))
        return
    for desired in wanted:
        screen.progress(f"{desired.host.name}   for Debian {desired.release}")
    screen.result(f"{counted(len(written), 'file')} for {counted(len(wanted), 'host')} in {out}")


def known_release(release: str | None) -> None:
    """Refuse a release that roles are not written for, with the nearest that they are."""
    from provisioner.errors import InputError
    from provisioner.roles.model import RELEASES
    from provisioner.roles.names import nearest

    if release is not None and release not in RELEASES:
        near = nearest(release, RELEASES)
        raise InputError(
            f"unknown Debian release `{release}`",
            note=f"did you mean `{near}`?" if near else "",
            hint=f"Roles are written for {' and '.join(RELEASES)}.",
        )


def _document(wanted: list[Desired], out: Path) -> dict[str, object]:
    from provisioner.resources import File

    return {
        "format": 1,
        "command": "render",
        "hosts": {
            desired.host.name: {
                "release": desired.release,
                "files": [
                    {
                        "path": one.path,
                        "file": str(out / desired.host.name / one.path.lstrip("/")),
                        "role": one.role,
                        "template": one.template,
                        "owner": one.owner,
                        "group": one.group,
                        "mode": f"{one.mode:04o}",
                        "sensitive": one.sensitive,
                    }
                    for one in desired.resources
                    if isinstance(one, File)
                ],
            }
            for desired in wanted
        },
    }
