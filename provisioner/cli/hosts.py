"""`provision hosts`: what this machine knows about hosts, apart from inventories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What is on record about hosts.")

HostName = Annotated[
    str, typer.Argument(metavar="NAME", help="The host's name in the inventory, or its address.")
]

KnownHostsFile = Annotated[
    Path,
    typer.Option("--known-hosts", metavar="FILE", help="The file to remove the key from."),
]


@app.callback()
def hosts() -> None:
    """What is on record about hosts."""


@app.command("forget")
def forget_command(name: HostName, known_hosts: KnownHostsFile = Path("known_hosts")) -> int:
    """Forget a host's key, after the machine was reinstalled."""
    from provisioner.errors import InputError, Location
    from provisioner.hosts.known_hosts import fingerprint, forget

    if not known_hosts.is_file():
        raise InputError(
            f"there is no {known_hosts}",
            hint="Run this in the inventory's folder, or name the file with --known-hosts FILE.",
        )
    removed = forget(known_hosts, name)
    if not removed:
        raise InputError(f"{known_hosts} has no key of {name}", where=Location(str(known_hosts)))
    for line in removed:
        typer.echo(f"forgot {fingerprint(line.blob)} of {line.names} ({known_hosts}:{line.where.line})")
    return 0
