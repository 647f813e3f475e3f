"""What became of a server that was adopted: plain values, for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Template(str):
    """A text of ours that is to be rendered: `{{ secrets['…'] }}`. What a server said never is."""

    __slots__ = ()


class Fate(StrEnum):
    """What became of one thing of the server's."""

    KEPT = "kept"
    """As a variable of a role."""
    OVERRIDE = "override"
    """As it was, in `postfix_parameters` and its like."""
    CHANGED = "changed"
    """It works, and differently."""
    LOST = "lost"
    """It ends with the first apply, unless somebody does something."""


@dataclass(frozen=True)
class Note:
    """One thing that the server had, and what became of it."""

    fate: Fate
    what: str
    """In the server's own words."""
    why: str = ""
    todo: str = ""


@dataclass(frozen=True)
class Place:
    """A mailbox, and where its mail is on disk."""

    address: str
    path: str
    source: str
    """Where the server knew it from."""


@dataclass(frozen=True)
class Described:
    """A server in the inventory's words. `variables` may refer to `secrets` by `{{ secrets['…'] }}`."""

    name: str
    """Of the host in the inventory."""
    release: str
    software: str
    """`Postfix 3.7.11, Dovecot 2.3.19`."""
    variables: Mapping[str, object]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files beside the inventory, by their path there."""
    notes: tuple[Note, ...] = ()
    places: tuple[Place, ...] = ()

    def of(self, fate: Fate) -> tuple[Note, ...]:
        """The notes of one fate, in the order they came up."""
        return tuple(note for note in self.notes if note.fate is fate)


@dataclass(frozen=True)
class Difference:
    """A setting that has another value after the first apply."""

    program: str
    name: str
    before: str
    """As the server has it; empty where it does not set it."""
    after: str
    why: str = ""


@dataclass(frozen=True)
class Announced:
    """All that the first apply may change on the server: nothing else is in the plan."""

    settings: tuple[Difference, ...] = ()
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Ids of further resources: accounts, folders, services, commands."""
    ports: tuple[int, ...] = ()
    """Ports that the roles open and nothing listened on."""

    @property
    def resources(self) -> frozenset[str]:
        """Ids as a plan has them."""
        return frozenset(
            [
                *(f"file:{path}" for path in self.files),
                *(f"package:{name}" for name in self.packages),
                *self.others,
            ]
        )
