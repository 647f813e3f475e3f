"""What a host is: the answer of the probe, as plain values.

All text in here came from a host. It is data: compared, shown escaped, never rendered or run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class FileState:
    """One path as it is. `kind` is what lies there; `digest` is of regular files only."""

    kind: Literal["absent", "file", "directory", "link", "other"]
    owner: str = ""
    group: str = ""
    mode: int = 0
    size: int = 0
    changed: float = 0.0
    """When content or attributes last changed (ctime), seconds since 1970, by the host's clock."""
    digest: str = ""
    target: str = ""
    """Where a link points."""
    content: bytes | None = None
    """Its content, up to 1 MB, where it differs from what is wanted and a diff may be shown."""


ABSENT = FileState("absent")


@dataclass(frozen=True, slots=True)
class UnitState:
    """One systemd unit. Times are seconds since 1970; 0 where it never happened."""

    load: str = "not-found"
    active: str = "inactive"
    enabled: str = ""
    state_changed: float = 0.0
    """When it last changed state; a reload counts."""
    started: float = 0.0
    needs_daemon_reload: bool = False


@dataclass(frozen=True, slots=True)
class AccountState:
    """A user (with its groups) or a group."""

    number: int
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the host says of itself."""

    system: str = ""
    release: str = ""
    debian: str = ""
    hostname: str = ""
    init: str = ""
    boot: str = ""
    uid: int = -1
    now: float = 0.0
    memory_kib: int = 0
    disk_kib: int = 0
    ptr: str = ""
    """The name its public address leads to. Looked up only before a first apply, as are the next two."""
    validates: str = ""
    """Whether its resolver validates DNSSEC: `yes`, `no`, or empty where nobody answered."""
    outbound: str = ""
    """Whether port 25 of `mail_outbound_test` can be reached: `open`, `closed`, or empty if not asked."""


@dataclass(frozen=True, slots=True)
class Written:
    """Something that an earlier transaction of ours put there."""

    kind: str
    name: str
    digest: str
    role: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A file that we wrote and somebody changed since."""

    written: bytes | None = None
    """What roles last brought; None where the host has not kept it."""
    content: bytes | None = None
    """What is there; None where it is too large to be looked at."""
    by: str = ""
    """Who changed it, where the host's log of sudo says so."""


@dataclass(frozen=True, slots=True)
class LastApplied:
    """The last transaction that was kept: when, by whom, from which commit."""

    id: str
    when: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    who: str = ""
    commit: str = ""
    clean: bool = True
    back_to: str = ""
    """For a rollback: the id of the transaction that it went back to, or `start`."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A lock that a person has set on a host for a while."""

    until: datetime
    since: datetime
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything the probe was asked for, of one host."""

    facts: Facts = field(default_factory=Facts)
    files: Mapping[str, FileState] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    """Installed packages: name → version."""
    units: Mapping[str, UnitState] = field(default_factory=dict)
    users: Mapping[str, AccountState] = field(default_factory=dict)
    groups: Mapping[str, AccountState] = field(default_factory=dict)
    listening: frozenset[tuple[str, int]] = frozenset()
    """(address, port) of listening TCP sockets."""
    met: frozenset[str] = frozenset()
    """Names of the commands whose guard is met."""
    written: tuple[Written, ...] = ()
    edits: Mapping[str, Edit] = field(default_factory=dict)
    """What is known of each file that somebody edited, by path."""
    last: LastApplied | None = None
    unfinished: str = ""
    """The id of a transaction that did not end."""
    unfinished_runs: bool = False
    """Whether somebody is at work on it now."""
    hold: Hold | None = None
    """The lock that a person has set, unless it is over by the host's clock."""
