"""A message as signatures see it: fields in order, octet for octet, and the body (RFC 5322 §2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

FIELDS = 2000
"""Fields that are looked at; a message with more is no letter."""
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:(.*)", re.DOTALL)
_FOLD = re.compile(rb"\r\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: `raw` is all of it, CRLF at its end included."""

    name: str
    """Lower case."""
    raw: bytes

    @property
    def value(self) -> bytes:
        """What stands after the colon, folds included, the last CRLF not."""
        return self.raw.partition(b":")[2].removesuffix(b"\r\n")

    @property
    def text(self) -> str:
        """The value unfolded; octets above 127 as UTF-8, or escaped."""
        return _FOLD.sub(b"", self.value).decode("utf-8", "backslashreplace").strip()


@dataclass(frozen=True, slots=True)
class Message:
    """Fields from the top down, and the body with CRLF line ends."""

    fields: tuple[Field, ...]
    body: bytes

    def named(self, name: str) -> tuple[Field, ...]:
        """All fields of a name, from the top down."""
        return tuple(field for field in self.fields if field.name == name.lower())


def split(message: bytes) -> Message:
    """Take a message apart. Bare LF is taken for CRLF, since files on disk end lines so.

    A line of the header that is no field (`From ` of an mbox among them) is left out.
    """
    wire = re.sub(rb"\r?\n", b"\r\n", message)
    header, found, body = (b"", True, wire[2:]) if wire.startswith(b"\r\n") else wire.partition(b"\r\n\r\n")
    lines = re.split(rb"\r\n(?![ \t])", header.removesuffix(b"\r\n"), maxsplit=FIELDS)[:FIELDS]
    fields = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is not None:
            fields.append(Field(match[1].decode("ascii").lower(), line + b"\r\n"))
    return Message(tuple(fields), body if found else b"")


def came(message: Message) -> int | None:
    """When the last server took the message, in seconds since 1970: the date of the topmost Received field
    (RFC 5321 §4.4); None where there is none, or none that can be read."""
    received = message.named("Received")[:1]
    try:
        when = parsedate_to_datetime(received[0].text.rpartition(";")[2].strip())
        return int(when.replace(tzinfo=when.tzinfo or UTC).timestamp())
    except (IndexError, TypeError, ValueError, OverflowError):
        return None
