"""Debian packages."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.resources.change import Change
from provisioner.resources.observed import Observed


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package that is installed, without its recommendations."""

    name: str
    role: str
    warm_up: tuple[str, ...] = ()
    """A program with arguments that does early what its service's first start would take long for.

    It runs once, as soon as the package is there, while the other packages are being installed. Should it
    fail, the first start does that work.
    """

    @property
    def id(self) -> str:
        """`package:postfix`."""
        return f"package:{self.name}"

    def compare(self, seen: Observed) -> Change | None:
        """The installation, where it is missing."""
        return None if self.name in seen.packages else Change(self.id, "install", self.role)
