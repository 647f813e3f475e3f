"""What a process of checks is to run: one host's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from provisioner.roles.model import Desired

USER_TESTS = "tests"
"""The role that checks beside the inventory are listed under, and the name of their folder."""


@dataclass(frozen=True)
class Job:
    """The checks of one host."""

    desired: Desired
    tests: Path | None = None
    """The folder of the user's own tests."""

    def folders(self) -> dict[Path, str]:
        """Every folder of checks → the role it belongs to, in order."""
        folders = ((folder.absolute(), role) for role, folder in self.desired.checks.items())
        found = {folder: role for folder, role in folders if folder.is_dir()}
        return found | ({self.tests: USER_TESTS} if self.tests else {})
