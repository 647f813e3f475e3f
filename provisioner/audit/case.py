"""What all parts of an audit share: whom to ask, how far to go, how long to wait."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from provisioner.audit.gate import Gate, Once
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Resolver
from provisioner.mail.tls_stream import tls_context
from provisioner.tls.authorities import system_authorities

if TYPE_CHECKING:
    from provisioner.dns.https import Web


@dataclass(frozen=True)
class Asked:
    """What the command line asked for."""

    timeout: float = 10.0
    """Seconds for one connection or answer."""
    target_seconds: float = 90.0
    """Seconds for one target, whatever its servers do."""
    intrusive: bool = False
    user: str = ""
    """An address that exists: for checks that compare it with one that doesn't."""
    selectors: tuple[str, ...] = ()
    """DKIM selectors to look for, besides the usual ones."""
    message: bytes | None = None
    """A message of the domain's, whose signatures tell its selectors."""
    authorities: str | None = None
    """PEM text of the authorities to trust instead of the system's."""
    blocklist_keys: Mapping[str, str] = field(default_factory=dict)
    """Keys for block lists that want one, by owner."""
    checks: tuple[str, ...] = ()
    """Ids of the checks to run; empty: all."""

    def wants(self, *areas: str) -> bool:
        """Whether a check of one of these areas is wanted."""
        return not self.checks or any(check.partition(".")[0] in areas for check in self.checks)


@dataclass(frozen=True)
class Run:
    """One call of the command: shared by all targets."""

    asked: Asked
    resolver: Resolver
    reach: Reach
    gate: Gate
    once: Once = field(default_factory=Once)

    @cached_property
    def authorities(self) -> str:
        """PEM text of the authorities that count."""
        return self.asked.authorities or system_authorities()

    @cached_property
    def web(self) -> Web:
        """The way to web servers, over the same resolver."""
        from provisioner.dns.https import Web

        context = tls_context(authorities=self.asked.authorities)
        return Web(self.resolver, self.reach, context, seconds=self.asked.timeout)


@dataclass(frozen=True)
class Case:
    """One target of a run, and when its time ends (of `time.monotonic()`)."""

    run: Run
    ends: float

    @property
    def asked(self) -> Asked:
        """What the command line asked for."""
        return self.run.asked

    @property
    def left(self) -> float:
        """Seconds left."""
        return max(0.0, self.ends - time.monotonic())


def own_literal(address: str) -> str:
    """Our address, as `address` sees it, in the form of HELO (RFC 5321 §4.1.3); nothing is sent."""
    ours = _ours(address) or "127.0.0.1"
    return f"[IPv6:{ours}]" if ":" in ours else f"[{ours}]"


def no_way(address: str) -> str:
    """Why this machine can't reach an address whatever the server does: it has no IPv6. `""` where it may."""
    return "this machine has no IPv6" if ":" in address and not _ours(address) else ""


def _ours(address: str) -> str:
    """The address of ours that leads to `address`; `""` where there is no route. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 25))
            return str(probe.getsockname()[0])
    except OSError:
        return ""
