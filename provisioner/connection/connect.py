"""TCP to every address of a server at once: which answer, and why the others don't."""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

MOST_ADDRESSES = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    """One address. `kind` is a kind of failure, `""` where it was reached."""

    address: str
    seconds: float
    kind: str = ""
    detail: str = ""

    @property
    def family(self) -> str:
        """`IPv4` or `IPv6`."""
        return f"IPv{ipaddress.ip_address(self.address).version}"


@dataclass(frozen=True, slots=True)
class Connected:
    """The connection to go on with (None where nothing was reached), and all attempts in order."""

    stream: socket.socket | None
    address: str
    attempts: tuple[Attempt, ...]


def connect(addresses: Sequence[str], port: int, seconds: float) -> Connected:
    """Try them side by side; the first in order that was reached is gone on with, IPv6 before IPv4.

    Every address is waited for, at most `seconds`: that one family is broken is worth knowing.
    """
    wanted = sorted(addresses[:MOST_ADDRESSES], key=lambda text: -ipaddress.ip_address(text).version)
    with ThreadPoolExecutor(max(1, len(wanted))) as pool:
        found = list(pool.map(lambda address: _try(address, port, seconds), wanted))
    chosen: tuple[socket.socket, str] | None = None
    for attempt, stream in found:
        if stream is None:
            continue
        if chosen is None:
            chosen = stream, attempt.address
        else:
            stream.close()
    attempts = tuple(attempt for attempt, _ in found)
    return Connected(chosen[0], chosen[1], attempts) if chosen else Connected(None, "", attempts)


def reconnect(address: str, port: int, seconds: float) -> socket.socket | None:
    """A further connection to an address that was reached before; None where it is not any more."""
    return _try(address, port, seconds)[1]


def _try(address: str, port: int, seconds: float) -> tuple[Attempt, socket.socket | None]:
    begun = time.monotonic()
    try:
        stream = socket.create_connection((address, port), timeout=seconds)
    except TimeoutError:
        kind = "port-25-blocked" if port == 25 else "timed-out"
        detail = f"no answer within {seconds:g} s"
        return Attempt(address, time.monotonic() - begun, kind, detail), None
    except OSError as error:
        kind, detail = _kind(error)
        return Attempt(address, time.monotonic() - begun, kind, detail), None
    return Attempt(address, time.monotonic() - begun), stream


def _kind(error: OSError) -> tuple[str, str]:
    if error.errno == errno.ECONNREFUSED:
        return "refused", "connection refused"
    if error.errno in (errno.EPERM, errno.EACCES):
        return "forbidden", "this machine's own firewall forbids it"
    if error.errno == errno.EHOSTUNREACH:
        return "forbidden", "no route to host"
    if error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL):
        return "no-route", "no route from here"
    if error.errno == errno.ECONNRESET:
        return "closed-at-once", "connection reset"
    return "no-route", error.strerror or str(error)
