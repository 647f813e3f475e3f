"""Inventories: Ansible's YAML, INI and JSON forms, its precedence, patterns and templates → hosts.

`load_inventory` is the way in; everything it gives back is in `provisioner.inventory.model`.
"""

from __future__ import annotations

from provisioner.inventory.load import load_inventory
from provisioner.inventory.model import Group, Host, Inventory, Origins, VariablePath
from provisioner.inventory.patterns import select

__all__ = ["Group", "Host", "Inventory", "Origins", "VariablePath", "load_inventory", "select"]
