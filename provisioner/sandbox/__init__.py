"""Disposable Debian hosts on this machine: real systemd, real sshd, an address of their own.

host = up("mx1", release="trixie")      # root@host.address with host.key, in seconds
reset("mx1")                            # as new, same address and keys
save_layer("mx1", "mail")               # later: up("mx2", release="trixie", layer="mail")
down("mx1")
"""

from __future__ import annotations

from provisioner.sandbox.lifecycle import (
    SandboxHost,
    down,
    down_all,
    down_several,
    drop_layer,
    execute,
    find_host,
    has_layer,
    list_hosts,
    reset,
    save_layer,
    up,
    usable_driver,
)
from provisioner.sandbox.state import SandboxError

__all__ = [
    "SandboxError",
    "SandboxHost",
    "down",
    "down_all",
    "down_several",
    "drop_layer",
    "execute",
    "find_host",
    "has_layer",
    "list_hosts",
    "reset",
    "save_layer",
    "up",
    "usable_driver",
]
