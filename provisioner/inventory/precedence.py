"""Which of several values of one variable counts: Ansible's order, lowest to highest.

Inline variables of `all`, of the other groups, `group_vars/all`, the other `group_vars`, inline
variables of the host, `host_vars`. A value replaces, and is never merged into, the one below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.inventory.folders import VariableFolder
from provisioner.inventory.graph import Membership
from provisioner.inventory.values import Written

Variables = dict[str, Written]


@dataclass
class Precedence:
    """Puts together the variables of each host; hosts of the same groups share the work."""

    membership: Membership
    group_vars: VariableFolder
    host_vars: VariableFolder
    _of_groups: dict[tuple[str, ...], Variables] = field(default_factory=dict)

    def variables_of(self, host: str) -> Variables:
        """What counts for one host."""
        groups = self.membership.groups_of[host]
        base = self._of_groups.get(groups)
        if base is None:
            base = self._of_groups[groups] = self._merge(groups)
        return base | self.membership.hosts[host].variables | self.host_vars.variables_of(host)

    def _merge(self, groups: tuple[str, ...]) -> Variables:
        merged: Variables = {}
        for group in groups:
            merged |= self.membership.groups[group].variables
        for group in groups:
            merged |= self.group_vars.variables_of(group)
        return merged

    def each_of(self, host: str, name: str) -> list[Written]:
        """One variable as each of the host's groups has it, `all` first, and then the host itself."""
        found: list[Written] = []
        for group in self.membership.groups_of[host]:
            own = self.group_vars.variables_of(group).get(name) or self.membership.groups[
                group
            ].variables.get(name)
            if own is not None:
                found.append(own)
        own = self.host_vars.variables_of(host).get(name) or self.membership.hosts[host].variables.get(name)
        return found if own is None else [*found, own]
