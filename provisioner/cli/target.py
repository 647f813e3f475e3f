"""A host named on the command line, as for ssh, without an inventory: `USER@HOST[:PORT]`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.hosts.connection import ConnectionOptions, Settings
    from provisioner.inventory.model import Host

_TARGET = re.compile(
    r"(?:(?P<user>[^@\s:/]+)@)?(?P<host>\[[0-9a-fA-F:.%a-z]+\]|[^@\s:/\[\]]+)(?::(?P<port>\d{1,5}))?"
)


def connection_variables(target: str, ssh_key: Path | None) -> dict[str, object]:
    """`root@mx.example.org:2222` as the inventory's connection variables.

    A login that is not root becomes root by sudo. Raises InputError where it is no such thing.
    """
    match = _TARGET.fullmatch(target)
    if match is None or target.startswith("-") or int(match["port"] or 22) > 65535:
        raise InputError(
            f"`{target[:100]}` is no USER@HOST",
            hint="As for ssh: root@mx1.example.org, or root@192.0.2.1:2222.",
        )
    variables: dict[str, object] = {"ansible_host": match["host"].strip("[]")}
    if match["user"]:
        variables["ansible_user"] = match["user"]
    if match["port"] and match["port"] != "22":
        variables["ansible_port"] = int(match["port"])
    if match["user"] not in (None, "root"):
        variables["ansible_become"] = True
    if ssh_key is not None:
        variables["ansible_ssh_private_key_file"] = _as_for_anyone(ssh_key.expanduser().absolute())
    return variables


def _as_for_anyone(path: Path) -> str:
    """A file in the home folder by `~`, so that an inventory with it serves a colleague too."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def settings_for(
    variables: dict[str, object],
    folder: Path,
    timeout: float,
    ssh_key: Path | None,
    known_hosts: Path | None,
    trust_on_first_use: bool,
) -> Settings:
    """The way to the host; its key is looked up, and kept, in `known_hosts` in `folder`."""
    from provisioner.hosts.connection import connection_settings

    options = connection_options(timeout, ssh_key, known_hosts, trust_on_first_use)
    return connection_settings(named_host(variables), options, folder)


def named_host(variables: dict[str, object]) -> Host:
    """A host of no inventory, called as its address."""
    from provisioner.inventory.model import Host

    return Host(name=str(variables["ansible_host"]), variables=variables, raw=variables)


def connection_options(
    timeout: float, ssh_key: Path | None, known_hosts: Path | None, trust_on_first_use: bool
) -> ConnectionOptions:
    """What the command line says; at a terminal, passwords and unknown keys are asked about."""
    from provisioner.cli.asking import Asking
    from provisioner.hosts.connection import ConnectionOptions
    from provisioner.report.terminal import standard

    screen = standard()
    asking = Asking(screen) if sys.stdin is not None and screen.interactive else None
    return ConnectionOptions(
        timeout=timeout,
        ssh_key=ssh_key,
        known_hosts=known_hosts,
        trust_on_first_use=trust_on_first_use,
        ask_password=asking.password if asking else None,
        confirm_host_key=asking.confirm if asking else None,
    )
