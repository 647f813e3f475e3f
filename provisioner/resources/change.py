"""A change: one difference between what is and what shall be, in the words of plan and apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal[
    "create", "update", "delete", "install", "enable", "disable", "start", "stop", "restart", "reload", "run"
]


@dataclass(frozen=True, slots=True)
class Edited:
    """That somebody edited on the host what this change would overwrite."""

    when: float
    """When the file last changed, seconds since 1970, by the host's clock."""
    by: str = ""
    theirs: str = ""
    """Their edit as a unified diff; empty where it is secret, or what we wrote is not known."""
    merged: str = ""
    """What apply would do if it kept their edit: a unified diff of what is there; may be nothing to do."""
    mergeable: bool = False
    """Whether their edit can be kept: all of it, where there is no conflict."""
    conflicts: int = 0
    """Places that both changed."""
    inventory: tuple[str, ...] = ()
    """Lines of the inventory that would make their edit ours."""


@dataclass(frozen=True, slots=True)
class Change:
    """`resource` is its id (`file:/etc/postfix/main.cf`); `why` is said where the action alone surprises."""

    resource: str
    action: Action
    role: str
    diff: str = ""
    """A unified diff, or empty. Never of something sensitive."""
    sensitive: bool = False
    why: str = ""
    edited: Edited | None = None
    holds: int = 0
    """Seconds for which, at most, new connections to the service are held back while it is done."""
