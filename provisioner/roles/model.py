"""What a role declares, and what the roles of one host come to: the desired state.

A role is data (`roles/NAME/role.yml`). A port, file or variable is declared once, there,
and every use is derived from these values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from provisioner.errors import Location
from provisioner.inventory.model import Host, VariablePath
from provisioner.resources import Resource
from provisioner.roles.document import Document

RELEASES = ("bookworm", "trixie")
"""The Debian releases that a role may differ between, oldest first."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One documented variable of a role; `schema` is JSON Schema (2020-12)."""

    name: str
    schema: Mapping[str, object]
    default: object = None
    required: bool = False
    doc: str = ""
    example: object = None


@dataclass(frozen=True)
class Role:
    """A role as its role.yml declares it, checked against the format.

    `declared` maps each Debian release to the document with the choices for that release made;
    strings in it may still hold templates.
    """

    name: str
    folder: Path
    document: Document = field(repr=False)
    description: str
    declared: Mapping[str, Mapping[str, object]] = field(repr=False)
    doc: str = ""
    requires: tuple[str, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """Variable → folder (inside the role's) of the names that its keys may have, one file per release."""
    built_in: bool = True
    _places: dict[tuple[VariablePath, str | None], Location] = field(
        default_factory=dict, repr=False, compare=False
    )
    """Places that were asked for before: every host asks for the same ones."""

    @property
    def checks(self) -> Path | None:
        """The folder of testinfra checks, where the role has one."""
        folder = self.folder / "checks"
        return folder if folder.is_dir() else None

    def locate(self, path: VariablePath, release: str | None = None) -> Location:
        """Where role.yml says what is at `path` of `declared[release]` (any release when None)."""
        place = self._places.get((path, release))
        if place is None:
            place = self.document.locate(path, (release,) if release else RELEASES)
            self._places[path, release] = place
        return place


class SecretStore(Protocol):
    """What rendering needs from the secrets kept beside the inventory."""

    def get(self, name: str) -> str:
        """The text of the secret `name`; InputError where there is none."""

    def make(self, name: str, kind: Mapping[str, object]) -> str:
        """The text of the secret `name`, generated as `kind` says where there is none yet."""

    def password_key(self) -> bytes:
        """What the salts of password hashes are made from."""

    def texts(self) -> frozenset[str]:
        """Every secret text, so that none of them is shown."""


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port that a role opens, and what is spoken there.

    `protocol` is `smtp`, `submission`, `submissions`, `imap`, `imaps`, `pop3`, `pop3s`, `lmtp`,
    `sieve`, `http`, `https`, `ssh`; `tls` is `none`, `starttls` or `implicit`.
    """

    number: int
    protocol: str
    role: str
    tls: str = "none"
    public: bool = True
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A DNS record that a domain of the inventory needs. `name` is absolute, without the last dot."""

    name: str
    type: str
    value: str
    role: str
    why: str = ""
    ttl: int = 3600


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything one host shall be, on one Debian release: pure data, the same input the same bytes."""

    host: Host
    release: str
    resources: tuple[Resource, ...]
    """In the order they are to be changed in; every resource id is there once."""
    ports: tuple[Port, ...] = ()
    records: tuple[Record, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)
    """The variables of the host's roles with defaults filled in (templates saw these)."""
    roles: tuple[str, ...] = ()
    """Every role that takes part, required ones included, in order."""
    checks: Mapping[str, Path] = field(default_factory=dict)
    """Role name → its folder of testinfra checks."""
