"""Users and groups of the host."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.resources.change import Change
from provisioner.resources.observed import Observed


@dataclass(frozen=True, slots=True)
class Group:
    """A system group; with `gid`, at that number."""

    name: str
    role: str
    gid: int | None = None

    @property
    def id(self) -> str:
        """`group:vmail`."""
        return f"group:{self.name}"

    def compare(self, seen: Observed) -> Change | None:
        """The creation, where it is missing. A number that differs is left: files belong to it."""
        return None if self.name in seen.groups else Change(self.id, "create", self.role)


@dataclass(frozen=True, slots=True)
class User:
    """A system user without password; its supplementary `groups` are added, none taken away."""

    name: str
    role: str
    uid: int | None = None
    group: str = ""
    groups: tuple[str, ...] = ()
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"

    @property
    def id(self) -> str:
        """`user:vmail`."""
        return f"user:{self.name}"

    def compare(self, seen: Observed) -> Change | None:
        """The creation, or the groups it lacks. A number that differs is left: files belong to it."""
        state = seen.users.get(self.name)
        if state is None:
            return Change(self.id, "create", self.role)
        lacks = [group for group in self.groups if group not in state.groups]
        return Change(self.id, "update", self.role, why=f"joins {', '.join(lacks)}") if lacks else None
