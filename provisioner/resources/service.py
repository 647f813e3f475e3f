"""systemd services and timers."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.resources.change import Change
from provisioner.resources.observed import Observed, UnitState


@dataclass(frozen=True, slots=True)
class Service:
    """A systemd service that runs and starts at boot (or, with `running=False`, does neither).

    `name` is what roles call it (`postfix`); `unit` is what runs it on this release
    (`postfix@-.service` on Debian 12, `postfix.service` on 13).
    """

    name: str
    unit: str
    role: str
    running: bool = True
    enabled: bool = True
    enable_unit: str = ""
    """The unit to enable where it differs from the one that runs (Debian 12's `postfix.service`)."""
    can_reload: bool = True
    reload_holds: int = 0
    """Seconds for which, at most, a reload holds new connections back; 0 where it holds none."""

    @property
    def id(self) -> str:
        """`service:postfix`."""
        return f"service:{self.name}"

    @property
    def enables(self) -> str:
        """The unit whose enablement makes it start at boot."""
        return self.enable_unit or self.unit

    def compare(self, seen: Observed) -> tuple[Change, ...]:
        """Enablement and running state; what its files ask of it is the plan's to say."""
        runs = seen.units.get(self.unit, UnitState()).active in ("active", "reloading", "activating")
        at_boot = seen.units.get(self.enables, UnitState()).enabled in ("enabled", "static", "alias")
        changes = []
        if self.enabled and not at_boot:
            changes.append(Change(self.id, "enable", self.role))
        if not self.enabled and at_boot:
            changes.append(Change(self.id, "disable", self.role))
        if self.running and not runs:
            changes.append(Change(self.id, "start", self.role))
        if not self.running and runs:
            changes.append(Change(self.id, "stop", self.role))
        return tuple(changes)


@dataclass(frozen=True, slots=True)
class Timer:
    """A systemd timer of our own, enabled and waiting; its unit files are `File` resources."""

    name: str
    unit: str
    role: str

    @property
    def id(self) -> str:
        """`timer:NAME`."""
        return f"timer:{self.name}"

    def compare(self, seen: Observed) -> tuple[Change, ...]:
        """Enabled and waiting."""
        state = seen.units.get(self.unit, UnitState())
        fine = state.active == "active" and state.enabled == "enabled"
        return () if fine else (Change(self.id, "enable", self.role),)
