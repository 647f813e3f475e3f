"""Questions to DNS, as everything that judges asks them: one resolver, its limits, its answers kept.

A look-up never raises: that a name does not exist, that a server is silent, or that a zone's
signatures are wrong are all facts that somebody wants to report. `Reply.status` tells them apart.

One `Resolver` serves one run. It asks the server it was given and nobody else, keeps every reply
(so that a run sees one state of the world), stops after `budget` questions, gives a server up that
has answered nothing from the start, and may be used from many threads.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.dns.exchange import Unreadable, exchange
from provisioner.dns.reply import Reply, Status, read
from provisioner.errors import InputError

if TYPE_CHECKING:
    from dns.message import QueryMessage

__all__ = ["Reply", "Resolver", "Status", "name_server"]

EDNS_BYTES = 1232
"""DNS flag day 2020: no fragments; longer answers come over TCP."""
BUDGET = 2000
"""Questions in one run: a domain of ours costs about sixty."""
AT_ONCE = 8
"""Questions under way at the same time; a resolver at home takes no more kindly."""
IN_FLIGHT = 128
"""Questions of a whole run under way at once: each is an open socket, and many systems allow 1024."""
SILENCES = 4
"""Questions that a resolver may leave unanswered from the start before it counts as not there."""


class Resolver:
    """The one way to DNS in a run."""

    def __init__(
        self,
        server: str | None = None,
        *,
        seconds: float = 5.0,
        budget: int = BUDGET,
        within: float | None = None,
    ) -> None:
        """`server` is `ADDRESS[:PORT]`, or None for the system's.

        `seconds` limit one question; `within` limits all of them together, in seconds from now.
        Raises `InputError` for an address that is none, and where the system has no resolver.
        """
        self.servers = [name_server(server)] if server is not None else _system_servers()
        self.seconds = seconds
        self.asked = 0
        self._ends = None if within is None else time.monotonic() + within
        self._budget = budget
        self._heard = False
        self._silences = 0
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(IN_FLIGHT)
        self._replies: dict[tuple[str, str, bool], Reply] = {}
        self._under_way: dict[tuple[str, str, bool], threading.Event] = {}

    def ask(self, name: str, rdtype: str, *, checking_disabled: bool = False) -> Reply:
        """The records of `name` (without final dot, any case) and type `rdtype`, such as `MX`.

        `checking_disabled` sets CD (RFC 4035 §3.2.2): an answer that fails validation is given too.
        """
        key = (name.rstrip(".").lower(), rdtype.upper(), checking_disabled)
        while True:
            with self._lock:
                if key in self._replies:
                    return self._replies[key]
                waiting = self._under_way.get(key)
                if waiting is None:
                    mine = self._under_way[key] = threading.Event()
                    over = self.asked >= self._budget
                    self.asked += 0 if over else 1
                    break
            waiting.wait(4 * self.seconds)
        try:
            if over:
                detail = f"more than {self._budget} questions in one run"
                reply = Reply(key[0], key[1], Status.OVER_BUDGET, detail=detail)
            else:
                reply = self._ask(*key)
            with self._lock:
                self._replies[key] = reply
        finally:
            with self._lock:
                del self._under_way[key]
            mine.set()
        return reply

    def ask_all(self, questions: Iterable[tuple[str, str]], at_once: int = AT_ONCE) -> list[Reply]:
        """The replies to `(name, type)` questions, in their order, asked side by side."""
        wanted = list(questions)
        if len(wanted) < 2:
            return [self.ask(*question) for question in wanted]
        with ThreadPoolExecutor(min(at_once, len(wanted))) as pool:
            return list(pool.map(lambda question: self.ask(*question), wanted))

    def reverse(self, address: str) -> Reply:
        """The PTR records of an address."""
        from dns.reversename import from_address

        return self.ask(from_address(address).to_text(omit_final_dot=True), "PTR")

    def addresses(self, name: str) -> tuple[str, ...]:
        """The IPv4 and then the IPv6 addresses of a name."""
        ipv4, ipv6 = self.ask_all([(name, "A"), (name, "AAAA")])
        return (*ipv4.texts(), *ipv6.texts())

    def _ask(self, name: str, rdtype: str, checking_disabled: bool) -> Reply:
        import dns.exception
        import dns.flags
        import dns.message

        try:
            query = dns.message.make_query(name, rdtype, use_edns=0, payload=EDNS_BYTES, want_dnssec=True)
        except (dns.exception.DNSException, UnicodeError, ValueError) as error:
            return Reply(name, rdtype, Status.MALFORMED, detail=f"{name[:80]!r} is no name: {error}"[:200])
        query.flags |= dns.flags.AD | (dns.flags.CD if checking_disabled else 0)
        if not self._heard and self._silences >= SILENCES:
            return Reply(name, rdtype, Status.TIMEOUT, detail="the resolver has answered nothing so far")
        with self._places:
            reply = self._in_turn(query, name, rdtype)
        with self._lock:
            if reply.status in (Status.TIMEOUT, Status.UNREACHABLE):
                self._silences += 1
            else:
                self._heard = True
        return reply

    def _in_turn(self, query: QueryMessage, name: str, rdtype: str) -> Reply:
        """The answer of the first server that has one; each is asked twice while there is time."""
        now = time.monotonic()
        ends = now + self.seconds if self._ends is None else min(now + self.seconds, self._ends)
        reply = Reply(name, rdtype, Status.TIMEOUT, detail="no time was left to ask")
        tries = [server for _ in range(2) for server in self.servers]
        for count, (address, port) in enumerate(tries):
            left = ends - time.monotonic()
            if left <= 0:
                break
            # A first packet may be lost; a second is sent in time for its answer.
            patience = left if count == len(tries) - 1 else left / 2
            reply = _exchange(query, name, rdtype, address, port, patience)
            if reply.answered:
                return reply
        if reply.status is Status.TIMEOUT and ends > now:
            names = " and ".join(address for address, _ in self.servers[:3])
            return replace(reply, detail=f"{names} did not answer within {ends - now:.2g} s")
        return reply


def name_server(text: str) -> tuple[str, int]:
    """Address and port of `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`."""
    address, port = text, "53"
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        if rest or not text.endswith("]"):
            port = rest[1:] if rest.startswith(":") else ""
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    try:
        number = int(port) if port.isascii() and port.isdigit() else 0
        if not 0 < number < 65536:
            raise ValueError(port)
        return str(ipaddress.ip_address(address)), number
    except ValueError:
        raise InputError(
            f"--resolver {text[:80]!r} is not an address with a port",
            hint="ADDRESS[:PORT] is expected, such as 192.0.2.1, 127.0.0.1:5353 or [2001:db8::1]:53.",
        ) from None


def _exchange(query: QueryMessage, name: str, rdtype: str, address: str, port: int, seconds: float) -> Reply:
    try:
        message = exchange(query, address, port, seconds)
    except TimeoutError:
        return Reply(name, rdtype, Status.TIMEOUT, detail=f"{address} did not answer within {seconds:.1f} s")
    except OSError as error:
        detail = f"{address}: {error.strerror or error}"
        return Reply(name, rdtype, Status.UNREACHABLE, detail=detail)
    except Unreadable as error:
        detail = f"{address} answered what can't be read: {error}"
        return Reply(name, rdtype, Status.MALFORMED, detail=detail)
    return read(message, name, rdtype, address)


def _system_servers() -> list[tuple[str, int]]:
    import dns.resolver

    try:
        found = dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        raise InputError(
            "this machine has no resolver (/etc/resolv.conf)", hint="Name one: --resolver ADDRESS."
        ) from None
    return [(str(server), found.port) for server in found.nameservers]
