"""What every kind of sandbox host has in common, as the rest of the sandbox sees it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol

from provisioner.sandbox.keys import HostKeys
from provisioner.sandbox.state import Record, State


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host will be reached."""

    address: str
    port: int = 22
    address6: str | None = None


class Driver(Protocol):
    """One way of running Debian hosts with real systemd. Everything raises SandboxError when it can't."""

    @property
    def name(self) -> str:
        """As `--driver` takes it."""

    @property
    def boot_seconds(self) -> float:
        """How long a host may take until root can log in."""

    @property
    def image_kind(self) -> str:
        """`minimal`, or `mail` where installing mail packages later would take too long."""

    def refusal(self, state: State) -> str | None:
        """Why this machine can't run such hosts, found by trying; None when it can. Leaves nothing."""

    def prepare(self, state: State, release: str) -> None:
        """Make what all hosts of `release` start from, unless it is there."""

    def lock(self, state: State) -> AbstractContextManager[None]:
        """Held while addresses are given out and shared parts made or removed."""

    def place(self, state: State, wanted: IPv4Address | None) -> Place:
        """A free address, `wanted` if that is given. Raises InputError when `wanted` can't be had."""

    def start(self, state: State, record: Record, keys: HostKeys) -> None:
        """Boot the host on what it wrote before, if anything; returns before it is up."""

    def running(self, state: State, record: Record) -> bool:
        """Whether any of the host lives."""

    def stop(self, state: State, record: Record) -> None:
        """End the host at once; what it wrote stays."""

    def power_off(self, state: State, record: Record) -> None:
        """Shut the host down in order; what it wrote stays."""

    def clear(self, state: State, record: Record) -> None:
        """Throw away what the stopped host wrote; what it downloaded may be kept for others."""

    def save(self, state: State, record: Record, layer: str) -> None:
        """Make what the stopped host wrote the layer `layer`, in place of an older one."""

    def has_layer(self, state: State, release: str, layer: str) -> bool:
        """Whether a host can start from `layer`."""

    def drop_layer(self, state: State, release: str, layer: str) -> None:
        """Forget a layer; no error when there is none."""

    def tidy(self, state: State) -> None:
        """Remove what only running hosts need, now that none is left. The lock is held."""
