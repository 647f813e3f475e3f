"""A change to the inventory that ends a finding on a server of ours: a plain value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from provisioner.errors import Location
    from provisioner.inventory.model import VariablePath

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to a host's variables: the value at `path` is taken out, or set to `value`."""

    path: VariablePath
    where: Location | None = None
    """Where the inventory has it today."""
    value: object = _ABSENT

    @property
    def takes_out(self) -> bool:
        """Whether the value goes, so that the role's own holds."""
        return self.value is _ABSENT

    @property
    def name(self) -> str:
        """`postfix_parameters.mynetworks`."""
        return ".".join(map(str, self.path))

    @property
    def sentence(self) -> str:
        """What to do, as a line of a report."""
        if not self.takes_out:
            return str(yaml.safe_dump({self.path[0]: self.value}, default_flow_style=False)).strip()
        inside = f" below {'.'.join(map(str, self.path[:-1]))}" if self.path[1:] else ""
        return f"take out `{self.path[-1]}`{inside}"
