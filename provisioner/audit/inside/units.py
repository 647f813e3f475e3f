"""States of systemd's units, as `systemctl show` prints them."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.audit.inside.seen import Inside


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit; all empty where systemd doesn't know it."""

    loaded: str = ""
    state: str = ""
    enabled: str = ""
    result: str = ""
    last: str = ""
    """When a timer last fired, as systemd prints it."""

    @property
    def known(self) -> bool:
        """Whether there is such a unit."""
        return self.loaded == "loaded"

    @property
    def active(self) -> bool:
        """Whether it runs, or waits for its time."""
        return self.known and self.state == "active"

    @property
    def at_boot(self) -> bool:
        """Whether it starts when the host does."""
        return self.known and self.enabled in ("enabled", "enabled-runtime", "static", "alias")


def units(inside: Inside) -> dict[str, Unit]:
    """Units by name; aliases by the name that was asked for are not kept."""
    found = {}
    for block in inside.output("units").split("\n\n"):
        pairs = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        if "Id" in pairs:
            found[pairs["Id"]] = Unit(
                pairs.get("LoadState", ""), pairs.get("ActiveState", ""), pairs.get("UnitFileState", ""),
                pairs.get("Result", ""), pairs.get("LastTriggerUSec", ""),
            )  # fmt: skip
    return found
