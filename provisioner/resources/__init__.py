"""The resources a role can declare. Each says what it is, how it is read, compared and changed.

A resource is a frozen dataclass. `reads()` names what the probe looks at, `compare()` sets that
against the observed state and returns the changes, in the three words every such system shares:
expected state, actual state, fix.
"""

from provisioner.resources.account import Group, User
from provisioner.resources.command import Command, Guard
from provisioner.resources.file import Directory, File, Link
from provisioner.resources.package import Package
from provisioner.resources.service import Service, Timer

Resource = File | Directory | Link | Package | Service | Timer | User | Group | Command

__all__ = [
    "Command",
    "Directory",
    "File",
    "Group",
    "Guard",
    "Link",
    "Package",
    "Resource",
    "Service",
    "Timer",
    "User",
]
