"""What an inventory is once read: hosts with their variables, and where each value was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.errors import InputError, Location

VariablePath = tuple[str | int, ...]
"""The way to a value inside a host's variables: `("postfix_parameters", "message_size_limit")`."""


class Origins:
    """Where each variable, and each value inside it, was written.

    Only values that came from a file have a place; `find` falls back to the nearest
    enclosing value, so that a list item without a mark of its own still leads to its list.
    """

    def __init__(self, places: Mapping[VariablePath, Location]) -> None:
        """`places` maps the path of a key or item to the place where that key or item begins."""
        self._places = places

    def find(self, path: VariablePath) -> Location | None:
        """The place of the value at `path`, or of the nearest value around it."""
        while path:
            if (place := self._places.get(path)) is not None:
                return place
            path = path[:-1]
        return None

    def paths(self) -> Iterator[VariablePath]:
        """Every path that has a place of its own."""
        return iter(self._places)


@dataclass(frozen=True)
class Host:
    """One host of the inventory.

    `variables` are resolved: groups merged by Ansible's precedence, templates evaluated,
    vault and `secrets.…` values decrypted. `raw` is the same before templates were evaluated.
    A variable that could not be resolved is in `unresolved` and not in `variables`.
    """

    name: str
    variables: Mapping[str, object]
    raw: Mapping[str, object]
    groups: tuple[str, ...] = ()
    """From `all` down, in Ansible's order: depth, then priority, then name."""
    roles: tuple[str, ...] = ()
    """The `roles` of the host's groups and its own, added up in that order, each once."""
    origins: Origins = field(default_factory=lambda: Origins({}))
    unresolved: Mapping[str, InputError] = field(default_factory=dict)
    secret_texts: frozenset[str] = frozenset()
    """Every plain text that came out of a vault or a secret: never to be shown."""
    secret_variables: frozenset[str] = frozenset()
    """The variables that come from files encrypted as a whole: no value in them is to be shown."""
    magic: Mapping[str, object] = field(default_factory=dict)
    """What Ansible gives every host unasked: `inventory_hostname`, `group_names`, `groups` and their kin."""
    role_places: tuple[Location | None, ...] = ()
    """Where each of `roles` is written first; as long as `roles`, or empty where nobody knows."""


@dataclass(frozen=True)
class Group:
    """A group as written: its direct children and hosts."""

    name: str
    children: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Inventory:
    """A whole inventory. `path` is the file, folder or `-` that the user named."""

    path: str
    folder: Path
    """The folder that roles, templates, secrets and `known_hosts` lie beside the inventory in."""
    hosts: tuple[Host, ...]
    """Those that the limit lets through, in the inventory's order."""
    groups: Mapping[str, Group]
    warnings: tuple[InputError, ...] = ()
    """What is odd and changes nothing; Ansible warns of it too."""

    def members(self, group: str) -> tuple[str, ...]:
        """The names of all hosts of a group and of the groups below it, level by level."""
        found: dict[str, None] = {}
        seen = {group: None}
        level = [group]
        while level:
            for name in level:
                found.update(dict.fromkeys(self.groups[name].hosts))
            level = list(dict.fromkeys(c for g in level for c in self.groups[g].children if c not in seen))
            seen.update(dict.fromkeys(level))
        return tuple(found)
