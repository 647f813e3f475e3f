"""What a person may name as the target of an audit, and what each form means.

inventory.yml           an inventory: its mail domains and its hosts
root@mx1.example.org    a host, from inside over SSH
example.org             a mail domain; a host, where the name has no MX
mx1.example.org:587     one port of a host
192.0.2.1, [2001:db8::1]:25
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import InputError

LONGEST = 253
"""Characters of a name (RFC 1035 §2.3.4)."""
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_FILE = (".yml", ".yaml", ".json", ".ini", ".cfg")


@dataclass(frozen=True, slots=True)
class InventoryTarget:
    """An inventory file or folder, or `-`."""

    text: str


@dataclass(frozen=True, slots=True)
class LoginTarget:
    """A host to look at from inside."""

    text: str
    user: str
    host: str


@dataclass(frozen=True, slots=True)
class NameTarget:
    """A name in DNS, lower case, without final dot; `port` where only that one is meant."""

    text: str
    name: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class AddressTarget:
    """An IP address."""

    text: str
    address: str
    port: int | None = None


Target = InventoryTarget | LoginTarget | NameTarget | AddressTarget
Outside = NameTarget | AddressTarget


def parse_target(text: str) -> Target:
    """What `text` names. Raises `InputError` where it is none of the forms."""
    if text == "-" or _is_file(text):
        return InventoryTarget(text)
    if "://" in text:
        raise _wrong(text, "it is a URL", "Leave out the scheme and the path: example.org.")
    if "@" in text:
        user, _, host = text.rpartition("@")
        if not user or not host:
            raise _wrong(text, "a user or a host is missing", "Such as root@mx1.example.org.")
        return LoginTarget(text, user, host)
    return _address(text) or _name(text)


def _is_file(text: str) -> bool:
    """A path, or a name that only a file has.

    A folder may well be called as the domain it is for: `example.org` is the domain, `./example.org`
    the folder.
    """
    if ("/" in text and "://" not in text) or text.lower().endswith(_FILE):
        return True
    plain = 0 < len(text) <= LONGEST and "." not in text and ":" not in text and "\0" not in text
    return plain and Path(text).exists()


def _address(text: str) -> AddressTarget | None:
    host, port = _port(text)
    try:
        return AddressTarget(text, str(ipaddress.ip_address(host)), port)
    except ValueError:
        if text.startswith("["):
            raise _wrong(text, "the brackets hold no IPv6 address", "Such as [2001:db8::1]:25.") from None
        return None


def _name(text: str) -> NameTarget:
    host, port = _port(text)
    name = host.rstrip(".").lower()
    if not name.isascii():
        try:
            # What people type: case folded and composed (RFC 5895), then as DNS has it.
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            raise _wrong(text, "it can't be written as a name in DNS", "") from None
    labels = name.split(".")
    if len(name) > LONGEST or not all(_LABEL.fullmatch(label) for label in labels):
        raise _wrong(text, "it is no name of a host or domain", "Such as example.org or 192.0.2.1.")
    if labels[-1].isdigit():
        raise _wrong(text, "it is no address and no name", "IPv4 addresses have four parts: 192.0.2.1.")
    return NameTarget(text, name, port)


def _port(text: str) -> tuple[str, int | None]:
    """The host and the port of `host:port`, `[v6]:port` or a host alone."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
    elif text.count(":") == 1:
        host, _, rest = text.partition(":")
        rest = f":{rest}"
    else:
        host, rest = text, ""
    if not rest:
        return host, None
    number = rest[1:]
    if not (rest.startswith(":") and number.isascii() and number.isdigit() and 0 < int(number) < 65536):
        raise _wrong(text, f"{number[:20]!r} is no port", "Such as mx1.example.org:587.")
    return host, int(number)


def _wrong(text: str, why: str, hint: str) -> InputError:
    return InputError(f"{text[:100]!r} can't be audited: {why}", hint=hint)
