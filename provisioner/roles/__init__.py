"""Roles: from role.yml and a host's variables to the desired state of that host.

`load_roles` finds and checks them, `check_hosts` judges an inventory by them, `resolve` renders
one host. They are imported when first used, so that the model alone stays cheap to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.roles.check import check_hosts
    from provisioner.roles.loading import Roles, load_roles
    from provisioner.roles.names import nearest
    from provisioner.roles.provenance import trace
    from provisioner.roles.resolution import resolve

__all__ = ["Roles", "check_hosts", "load_roles", "nearest", "resolve", "trace"]

_HOMES = {
    "Roles": "loading",
    "check_hosts": "check",
    "load_roles": "loading",
    "nearest": "names",
    "resolve": "resolution",
    "trace": "provenance",
}


def __getattr__(name: str) -> object:
    """Import a public name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
