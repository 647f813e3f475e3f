"""What the reading script answered, as values. The answer is untrusted: bounded, parsed line by line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from provisioner.hosts.answer import content, parsed, text

ANSWER_LIMIT = 48 * 1024 * 1024
"""Bytes that an answer may have; the script itself stops at 30 MB of content."""


@dataclass(frozen=True)
class Account:
    """A line of /etc/passwd; `password_hash` as in /etc/shadow, empty where there is none."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password_hash: str = field(default="", repr=False)

    @property
    def is_person(self) -> bool:
        """Whether somebody may log in, or could have mail of their own (UID_MIN to UID_MAX of login.defs)."""
        can_log_in = not self.shell.endswith(("nologin", "/false"))
        return 1000 <= self.uid < 60000 and (can_log_in or self.has_password)

    @property
    def has_password(self) -> bool:
        """Whether the hash is one (`!` and `*` are none, shadow(5))."""
        return bool(self.password_hash) and self.password_hash[0] not in "!*"


@dataclass(frozen=True)
class Table:
    """A database table as its client printed it: tab-separated (mysql) or CSV (psql)."""

    kind: str
    database: str
    name: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Seen:
    """One server as it answered. Everything in here may be secret."""

    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    outputs: Mapping[str, str] = field(default_factory=dict, repr=False)
    tables: tuple[Table, ...] = field(default=(), repr=False)
    listening: frozenset[tuple[str, int]] = frozenset()
    """Address in the kernel's hexadecimal form, and port."""
    there: Mapping[str, str] = field(default_factory=dict)
    """Folders and files of people's mail that exist, and which of both they are."""
    refused: tuple[str, ...] = ()
    """Databases that the credentials at hand could not read."""

    def text(self, path: str) -> str:
        """A file as text; empty where there is none."""
        return self.files.get(path, b"").decode("utf-8", "replace")

    def output(self, name: str) -> str:
        """What a command printed; empty where it could not be run."""
        return self.outputs.get(name, "")

    @cached_property
    def packages(self) -> Mapping[str, str]:
        """Installed packages with their versions."""
        rows = (line.split(" ") for line in self.output("packages").splitlines())
        return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}

    @cached_property
    def accounts(self) -> Mapping[str, Account]:
        """Every account by name."""
        rows = (line.split(":", 1) for line in self.output("shadow").splitlines())
        hashes = {row[0]: row[1] for row in rows if len(row) == 2}
        found = {}
        for line in self.output("passwd").splitlines():
            fields = line.split(":")
            if len(fields) == 7 and fields[2].isdigit() and fields[3].isdigit():
                name, _, uid, gid, _, home, shell = fields
                found[name] = Account(name, int(uid), int(gid), home, shell, hashes.get(name, ""))
        return found

    @cached_property
    def groups(self) -> Mapping[str, int]:
        """Every group's number by name."""
        rows = (line.split(":") for line in self.output("group").splitlines())
        return {row[0]: int(row[2]) for row in rows if len(row) == 4 and row[2].isdigit()}

    @cached_property
    def release(self) -> str:
        """The Debian release by its code name; empty where it is none."""
        match = re.search(r"^VERSION_CODENAME=\"?([a-z]+)", self.text("/etc/os-release"), re.MULTILINE)
        return match[1] if match else ""

    @cached_property
    def ports(self) -> frozenset[int]:
        """Ports that something listens on for the network, not only on loopback."""
        local = ("0100007F", "00000000000000000000000001000000")
        return frozenset(port for address, port in self.listening if address not in local)


def parse(answer: bytes) -> Seen:
    """The answer as values. Raises NotTouched where it is not what our script writes."""
    return parsed(answer, "provision-adopt 1", _read)


def _read(lines: list[str]) -> Seen:
    files: dict[str, bytes] = {}
    outputs: dict[str, str] = {}
    tables: list[Table] = []
    listening: set[tuple[str, int]] = set()
    there: dict[str, str] = {}
    refused: list[str] = []
    for number, line in enumerate(lines, 2):
        match line.split(" "):
            case ["end"]:
                found = frozenset(listening)
                return Seen(files, outputs, tuple(tables), found, there, tuple(refused))
            case ["file", path, _mode, _owner, _group, held]:
                files[text(path)] = content(held)
            case ["output", name, held]:
                outputs[name] = text(held)
            case ["table", kind, database, name, held]:
                tables.append(Table(kind, text(database), name, text(held)))
            case ["database", kind, name, "refused"]:
                refused.append(f"{kind} {text(name)}")
            case ["listen", where]:
                address, port = where.split(":")
                listening.add((address, int(port, 16)))
            case ["there", path, kind]:
                there[text(path)] = text(kind).strip()
            case _:
                raise ValueError(f"line {number}: {line[:60]!r}")
    raise ValueError("it has no end")
