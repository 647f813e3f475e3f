"""A connection to one host, over which scripts run as root and ports are reached.

    settings = connection_settings(host, options, inventory.folder)
    with connect(settings) as connection:
        result = connection.run(script, data)

paramiko is imported when the first connection is made.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from provisioner.errors import NotTouched
from provisioner.hosts import jump
from provisioner.hosts.channels import ConnectionLost, Exchange, Result, TimedOut, TooMuchOutput
from provisioner.hosts.jump import Way
from provisioner.hosts.session import Connection, ForwardingForbidden, close
from provisioner.hosts.settings import Become, ConnectionOptions, Settings, connection_settings

if TYPE_CHECKING:
    from provisioner.hosts.transport import Transport

__all__ = [
    "Become",
    "Connection",
    "ConnectionLost",
    "ConnectionOptions",
    "Exchange",
    "ForwardingForbidden",
    "Result",
    "Settings",
    "TimedOut",
    "TooMuchOutput",
    "connect",
    "connection_settings",
]

_MOST_STARTS = 8
"""Logins under way at one sshd at a time: it drops some of those beyond 10 (`MaxStartups 10:30:100`)."""

_MOST_RETRIES = 6

_starts: defaultdict[tuple[str, int, int], threading.BoundedSemaphore] = defaultdict(
    lambda: threading.BoundedSemaphore(_MOST_STARTS)
)
"""By address, port and number of jump hosts: whoever holds a place waits only for places of fewer."""

_log = logging.getLogger(__name__)


def connect(settings: Settings) -> Connection:
    """Reach, check and log in to a host. Raises `NotTouched`, `HostKeyError` or `AuthenticationError`.

    sshd drops connections when too many log in at once; those are tried again, with pauses.
    """
    _quiet_paramiko()
    begun = time.monotonic()
    for attempt in range(_MOST_RETRIES):
        try:
            with _starts[settings.address, settings.port, len(settings.jumps)]:
                begun = begun if attempt else time.monotonic()
                return _connect_once(settings, time.monotonic() + settings.timeout)
        except _Dropped as dropped:
            pause = random.uniform(0.5, 1.0) * 0.2 * 2**attempt  # noqa: S311 (spreads retries, no secret)
            if attempt + 1 == _MOST_RETRIES or time.monotonic() + pause > begun + settings.timeout:
                raise dropped.as_error(settings) from None
            _log.info("%s dropped the connection; again in %.1f s", settings, pause)
            time.sleep(pause)
    raise AssertionError("unreachable")


class _Dropped(Exception):
    """The connection ended before the server had introduced itself."""

    def __init__(self, evidence: tuple[str, ...]) -> None:
        super().__init__("dropped")
        self.evidence = evidence

    def as_error(self, settings: Settings) -> NotTouched:
        """The error once there is no use in trying again."""
        if settings.proxy_command:
            return NotTouched(
                f"the ProxyCommand of {settings.name} ended without reaching an SSH server",
                where=settings.place,
                hint="Try the command by hand.",
                evidence=self.evidence,
            )
        return NotTouched(
            f"{settings.address}:{settings.port} ends each connection before it begins",
            where=settings.place,
            hint="sshd may be overloaded (MaxStartups), or shut this address out after failed logins "
            "(PerSourcePenalties, fail2ban).",
            evidence=self.evidence,
        )


def _connect_once(settings: Settings, deadline: float) -> Connection:
    from provisioner.hosts import trust
    from provisioner.hosts.login import log_in
    from provisioner.hosts.transport import Transport

    record = trust.record_of(settings)
    way = jump.open_way(settings, connect, deadline)
    transport = None
    try:
        transport = Transport(way.sock, trust.host_key_algorithms(record))
        _negotiate(transport, settings, way, deadline)
        trust.check(settings, record, transport.host_key_blob, transport.get_remote_server_key().asbytes())
        log_in(transport, settings)
        transport.set_keepalive(int(settings.keepalive))
        _log.info("%s: connected to %s", settings, transport.remote_version)
        return Connection(settings, transport, way)
    except BaseException as problem:
        close(transport, way)
        if isinstance(problem, EOFError | OSError) or _is_ssh_error(problem):
            raise NotTouched(
                f"the connection to {settings} ended while logging in",
                where=settings.place,
                hint=f"Look at sshd's log there, or try it by hand: ssh -v -p {settings.port} "
                f"{settings.user}@{settings.address}",
                evidence=(str(problem) or "end of file",),
            ) from None
        raise


def _is_ssh_error(problem: BaseException) -> bool:
    import paramiko

    return isinstance(problem, paramiko.SSHException)


def _negotiate(transport: Transport, settings: Settings, way: Way, deadline: float) -> None:
    """Exchange versions and keys."""
    import paramiko

    remaining = max(0.1, deadline - time.monotonic())
    transport.banner_timeout = transport.handshake_timeout = remaining + 60  # Our own limit comes first.
    done = threading.Event()
    transport.start_client(event=done)
    if not done.wait(remaining):
        raise NotTouched(
            f"{settings.address}:{settings.port} took the connection and then said nothing "
            f"(time-out after {settings.timeout:g} s)",
            where=settings.place,
            hint="sshd hangs there, or something in between swallows the answers.",
            evidence=way.said(),
        )
    if transport.is_active():
        return
    problem = transport.get_exception() or EOFError()
    text = str(problem)
    if not transport.remote_version and transport.greeting and not _is_busy(transport.greeting):
        raise NotTouched(
            f"{settings.address}:{settings.port} does not speak SSH",
            where=settings.place,
            hint="Is ansible_port right?",
            evidence=transport.greeting,
        )
    if isinstance(problem, paramiko.ssh_exception.IncompatiblePeer):
        raise NotTouched(
            f"{settings} and this program have no algorithm in common",
            where=settings.place,
            hint="Its sshd is very old or locked down: see KexAlgorithms, Ciphers, HostKeyAlgorithms.",
            evidence=(text,),
        )
    if not transport.remote_version:
        raise _Dropped((*way.said(), *transport.greeting, text or "end of file"))
    raise problem


def _is_busy(greeting: tuple[str, ...]) -> bool:
    """Whether this is what OpenSSH's sshd says before it drops a connection for `MaxStartups`."""
    return any("MaxStartups" in line or "Not allowed at this time" in line for line in greeting)


def _quiet_paramiko() -> None:
    """Its log lines go to stderr by default; what they say is in our errors."""
    logger = logging.getLogger("paramiko")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.setLevel(logging.CRITICAL)
