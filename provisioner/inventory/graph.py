"""Groups and hosts while an inventory is being read: what is in what, and who wrote which variable.

The rules are Ansible's: everything is below `all`; a host in no other group is in `ungrouped`;
a group's depth is the longest way to it from `all`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter

from provisioner.errors import InputError, Location
from provisioner.inventory.values import Written


@dataclass
class GroupDraft:
    """A group as far as it has been read. `children` and `hosts` keep the order of writing."""

    name: str
    where: Location | None = None
    children: dict[str, Location | None] = field(default_factory=dict)
    hosts: dict[str, Location | None] = field(default_factory=dict)
    variables: dict[str, Written] = field(default_factory=dict)
    priority: int = 1


@dataclass
class HostDraft:
    """A host as far as it has been read; `file` is the source that named it first."""

    name: str
    file: str
    where: Location | None = None
    variables: dict[str, Written] = field(default_factory=dict)


@dataclass
class Draft:
    """All of an inventory's groups and hosts. The functions that read a format fill it."""

    mistakes: list[InputError] = field(default_factory=list)
    warnings: list[InputError] = field(default_factory=list)
    groups: dict[str, GroupDraft] = field(default_factory=dict)
    hosts: dict[str, HostDraft] = field(default_factory=dict)
    secret_files: set[str] = field(default_factory=set)
    """Files that are encrypted as a whole: all variables in them are secret."""

    def __post_init__(self) -> None:
        """`all` and `ungrouped` are always there."""
        self.group("all").children["ungrouped"] = None
        self.group("ungrouped")

    def fail(self, message: str, where: Location | None, *, note: str = "", hint: str = "") -> None:
        """Add a mistake."""
        self.mistakes.append(InputError(message, where=where, note=note, hint=hint))

    def warn(self, message: str, where: Location | None, *, note: str = "") -> None:
        """Add something odd that Ansible lets pass with a warning, and so do we."""
        self.warnings.append(InputError(message, where=where, note=note))

    def group(self, name: str, where: Location | None = None) -> GroupDraft:
        """The group of that name, made where it is new."""
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = GroupDraft(name, where)
        return group

    def host(self, name: str, file: str, where: Location | None, port: Written | None = None) -> HostDraft:
        """The host of that name. The port in a name counts only where the host is first named."""
        host = self.hosts.get(name)
        if host is None:
            host = self.hosts[name] = HostDraft(name, file, where)
            if port is not None:
                host.variables["ansible_port"] = port
        return host

    def add_child(self, parent: str, child: str, where: Location | None) -> None:
        """Put one group into another; a circle is a mistake."""
        if child == "all":
            self.fail("`all` holds every group and can be in none", where)
        elif child == parent:
            self.fail(f"the group `{child}` cannot be in itself", where)
        elif child in self.groups[parent].children:
            return
        elif parent in self.descendants(child):
            self.fail(f"the group `{child}` cannot be in `{parent}`, which is in `{child}`", where)
        else:
            self.groups[parent].children[child] = where

    def set_variable(self, owner: str, name: str, written: Written, *, group: bool) -> None:
        """Write a variable onto a group or host; a host with a group's name gives it to the group."""
        if owner in self.groups:
            target = self.groups[owner]
            if name == "ansible_group_priority":
                self._set_priority(target, written)
            else:
                target.variables[name] = written
        elif not group:
            self.hosts[owner].variables[name] = written

    def _set_priority(self, group: GroupDraft, written: Written) -> None:
        try:
            group.priority = int(str(written.value).strip())
        except ValueError:
            self.fail(f"ansible_group_priority must be a whole number, not `{written.value}`", written.where)

    def descendants(self, name: str) -> list[str]:
        """`name` and every group below it, level by level, each once."""
        found = {name: None}
        level = [name]
        while level:
            level = [
                child for parent in level for child in self.groups[parent].children if child not in found
            ]
            found.update(dict.fromkeys(level))
        return list(found)

    def settle(self) -> None:
        """Put every loose group below `all`, every loose host into `ungrouped`, and nobody else there."""
        parents = _parents(self.groups)
        for name in self.groups:
            if name != "all" and not parents[name]:
                self.groups["all"].children.setdefault(name, None)
        parents = _parents(self.groups)
        direct: dict[str, list[str]] = {name: [] for name in self.hosts}
        for group in self.groups.values():
            for host in group.hosts:
                direct[host].append(group.name)
        ungrouped = self.groups["ungrouped"].hosts
        for host, groups in direct.items():
            above = {ancestor for name in groups for ancestor in (name, *_ancestors(name, parents))}
            if "ungrouped" in above:
                if above - {"all", "ungrouped"}:
                    ungrouped.pop(host, None)
            elif above <= {"all"}:
                ungrouped.setdefault(host, None)


def _parents(groups: dict[str, GroupDraft]) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {name: [] for name in groups}
    for group in groups.values():
        for child in group.children:
            parents[child].append(group.name)
    return parents


def _ancestors(name: str, parents: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    queue = list(parents[name])
    while queue:
        parent = queue.pop()
        if parent not in found:
            found.add(parent)
            queue += parents[parent]
    return found


@dataclass(frozen=True)
class Membership:
    """Who is in what, once everything has been read."""

    groups: dict[str, GroupDraft]
    hosts: dict[str, HostDraft]

    @cached_property
    def parents(self) -> dict[str, list[str]]:
        """Each group's direct parents."""
        return _parents(self.groups)

    @cached_property
    def depth(self) -> dict[str, int]:
        """The longest way to each group from `all`."""
        depth: dict[str, int] = {}
        for name in TopologicalSorter(self.parents).static_order():
            depth[name] = max((depth[parent] + 1 for parent in self.parents[name]), default=0)
        return depth

    @cached_property
    def groups_of(self) -> dict[str, tuple[str, ...]]:
        """Each host's groups, `all` first: by depth, then priority, then name."""
        direct: dict[str, list[str]] = {name: [] for name in self.hosts}
        for group in self.groups.values():
            for host in group.hosts:
                direct[host].append(group.name)
        ordered: dict[tuple[str, ...], tuple[str, ...]] = {}
        result = {}
        for host, names in direct.items():
            key = tuple(names)
            if key not in ordered:
                above = {"all", *key} | {a for name in key for a in _ancestors(name, self.parents)}
                ordered[key] = tuple(sorted(above, key=self._order))
            result[host] = ordered[key]
        return result

    def _order(self, name: str) -> tuple[int, int, str]:
        return self.depth[name], self.groups[name].priority, name

    @cached_property
    def hosts_of(self) -> dict[str, tuple[str, ...]]:
        """Each group's hosts, those of the groups below it included, level by level."""
        result: dict[str, tuple[str, ...]] = {}
        for name in self.groups:
            found: dict[str, None] = {}
            seen = {name: None}
            level = [name]
            while level:
                for group in level:
                    found.update(dict.fromkeys(self.groups[group].hosts))
                level = list(
                    dict.fromkeys(c for g in level for c in self.groups[g].children if c not in seen)
                )
                seen.update(dict.fromkeys(level))
            result[name] = tuple(found)
        return result
