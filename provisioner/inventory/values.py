"""What a variable's value may be besides plain data, and the marks that say where it was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from provisioner.errors import Location


class UnsafeText(str):
    """Text tagged `!unsafe`: never a template, whatever it holds."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class EncryptedText:
    """A value that Ansible Vault encrypted (`!vault`); only what needs it decrypts it."""

    ciphertext: str

    def __repr__(self) -> str:
        """Short, since a message may show it."""
        return "EncryptedText(…)"


class Mark(NamedTuple):
    """Where a key or item begins, 1-based, how wide it is, and the marks of what is inside it."""

    line: int
    column: int
    width: int = 1
    inside: dict[str | int, Mark] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """One variable as somebody wrote it: the value, the file, the place, and whether it needs resolving."""

    value: object
    file: str
    mark: Mark | None = None
    dynamic: bool = False
    """It holds a template, a vault value or unsafe text: what is deployed differs from what is written."""
    secret: bool = False
    """It comes from a file that is encrypted as a whole."""

    @property
    def where(self) -> Location:
        """The place of the variable's name."""
        return place(self.file, self.mark)


def place(file: str, mark: Mark | None) -> Location:
    """`mark` as a location; a text without marks (decrypted, or from elsewhere) has only its file."""
    return Location(file) if mark is None else Location(file, mark.line, mark.column, mark.width)


def is_template(text: str) -> bool:
    """Whether Ansible would hand `text` to Jinja2."""
    return ("{" in text and ("{{" in text or "{%" in text or "{#" in text)) or text.startswith("#jinja2:")


def is_dynamic(value: object) -> bool:
    """Whether `value`, or anything inside it, is a template, encrypted or unsafe text."""
    if isinstance(value, str):
        return type(value) is UnsafeText or is_template(value)
    if isinstance(value, dict):
        return any(is_dynamic(item) for item in value.values())
    if isinstance(value, list):
        return any(is_dynamic(item) for item in value)
    return isinstance(value, EncryptedText)


class SecretSource(Protocol):
    """What `{{ secrets.NAME }}` looks in."""

    def get(self, name: str) -> str:
        """The text; InputError where there is no such secret."""
