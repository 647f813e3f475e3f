"""What evaluators ask DNS with, and how they read its answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from provisioner.dns.resolver import Reply

Lookup = Callable[[str, str], Reply]
"""Name (no final dot) and type → the reply; never raises. `Resolver.ask` is one."""


class Asks(Protocol):
    """What an audit asks with: a `Resolver`, or a zone of a test."""

    def ask(self, name: str, rdtype: str) -> Reply:
        """The records of `name` and type `rdtype`."""


def fits_dns(name: str) -> bool:
    """Whether a name can be in DNS: ASCII labels of 1 to 63 octets, 253 in all (RFC 1035 §2.3.4)."""
    return name.isascii() and len(name) <= 253 and all(0 < len(label) <= 63 for label in name.split("."))


def plain(name: object) -> str:
    """A name as it is compared: lower case, no final dot."""
    return str(name).rstrip(".").lower()


_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")


def a_label(name: str) -> str:
    """A domain as DNS has it, plain (RFC 5890 §2.3.2.1); `""` where it can't be one."""
    if not name.isascii():
        if len(name) > 253:
            return ""
        try:
            name = ".".join(label.encode("idna").decode("ascii") for label in name.split("."))
        except UnicodeError:
            return ""
    return plain(name) if _NAME.fullmatch(name) and fits_dns(plain(name)) else ""


def strings(reply: Reply) -> tuple[tuple[bytes, ...], ...]:
    """The TXT records of a reply, each as the strings it is made of."""
    return tuple(tuple(getattr(record, "strings", ())) for record in reply.records)


def texts(reply: Reply) -> tuple[str, ...]:
    """The TXT records of a reply, joined without a space; octets above 127 as Latin-1."""
    return tuple(b"".join(parts).decode("latin-1") for parts in strings(reply))
