"""All ports of a host at once, directly or, where no way leads there, from the host itself."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

from provisioner.errors import ProvisionError
from provisioner.mail.wire import ConversationError, Stream, Trouble
from provisioner.roles.model import Port
from provisioner.verify.expectations import Expectations
from provisioner.verify.port import connect_failure, prove_port
from provisioner.verify.result import PortResult

DIRECT_SECONDS = 2.5
"""How long a direct connection may take where there is another way: one lost packet (RFC 6298 §2.1)."""
PAUSE_SECONDS = 0.3
MOST_AT_ONCE = 16


class Forwarder(Protocol):
    """What is needed of a connection to the host: a TCP connection that begins there."""

    def open_tcp(self, address: str, port: int, timeout: float = ...) -> Stream:
        """Connect from the host to `address`; `OSError` or `ProvisionError` where that fails."""
        ...


@dataclass
class Way:
    """How to reach one address of a host, and which way it took at last."""

    address: str
    """Where we connect to."""
    outward: str
    """The same as the host sees it: an address of its own that is not loopback."""
    forwarder: Forwarder | None
    seconds: float = 5.0
    forwarded: bool = False
    why: str = ""
    """Why the direct way was not taken."""
    client_name: str = field(default="[192.0.2.1]")

    def open(self, port: int) -> Stream:
        """Connect, directly if possible. `OSError` or `ConversationError` where neither way leads there."""
        limit = self.seconds if self.forwarder is None else min(self.seconds, DIRECT_SECONDS)
        try:
            stream = socket.create_connection((self.address, port), timeout=limit)
        except OSError as error:
            if self.forwarder is None:
                raise
            self.why = connect_failure(error)
            try:
                forwarded = self.forwarder.open_tcp(self.outward, port, limit)
            except ProvisionError as trouble:
                message = f"{self.why}; and the other way is closed: {trouble.message}"
                raise ConversationError(Trouble.UNREACHABLE, message) from None
            self.forwarded, self.client_name = True, address_literal(self.outward)
            return forwarded
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.forwarded, self.client_name = False, address_literal(stream.getsockname()[0])
        return stream


def address_literal(address: str) -> str:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]`, as a client without a name greets (RFC 5321 §4.1.3)."""
    plain = address.partition("%")[0]
    return f"[IPv6:{plain}]" if ":" in plain else f"[{plain}]"


def prove_ports(
    ports: Sequence[Port],
    expect: Expectations,
    *,
    address: str,
    outward: str = "",
    forwarder: Forwarder | None = None,
    seconds: float = 25.0,
    patience: float = 0.0,
    report: Callable[[PortResult], None] | None = None,
) -> list[PortResult]:
    """Hold a conversation with each of `ports` at the same time; the results are in their order.

    `address` is where we reach the host; `outward` its own non-loopback address, which `forwarder`
    connects to from the host where the direct way is blocked (port 25 is, in most access networks).
    `seconds` limit the whole; a port that may still be starting is asked again for `patience`
    seconds. `report` is called, from several threads, as each port is done.
    """
    if not ports:
        return []
    ends = time.monotonic() + seconds

    def prove(port: Port) -> PortResult:
        result = _prove_patiently(port, expect, address, outward, forwarder, ends, patience)
        if report is not None:
            report(result)
        return result

    with ThreadPoolExecutor(min(len(ports), MOST_AT_ONCE), thread_name_prefix="port") as pool:
        return list(pool.map(prove, ports))


def _prove_patiently(
    port: Port,
    expect: Expectations,
    address: str,
    outward: str,
    forwarder: Forwarder | None,
    ends: float,
    patience: float,
) -> PortResult:
    started = time.monotonic()
    while True:
        result = _prove_once(port, expect, address, outward, forwarder, ends)
        now = time.monotonic()
        if result.ok or not result.retry or now - started >= patience or now + PAUSE_SECONDS >= ends:
            return replace(result, milliseconds=(now - started) * 1000)
        time.sleep(PAUSE_SECONDS)


def _prove_once(
    port: Port, expect: Expectations, address: str, outward: str, forwarder: Forwarder | None, ends: float
) -> PortResult:
    left = max(ends - time.monotonic(), 0.5)
    way = Way(address, outward or address, forwarder, seconds=min(5.0, left))
    expect = replace(expect, seconds=min(expect.seconds, left))
    result = prove_port(port, way.open, lambda: _as_seen(expect, way))
    return replace(result, address=way.outward if way.forwarded else address, forwarded=way.forwarded)


def _as_seen(expect: Expectations, way: Way) -> Expectations:
    """What to expect once the connection is there: it decides who we are to the host."""
    same_host = expect.same_host or way.forwarded
    return replace(expect, client_name=way.client_name, same_host=same_host)
