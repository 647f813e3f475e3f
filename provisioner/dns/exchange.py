"""One question to one name server over UDP, and over TCP where the answer is long: bounded and timed.

The socket is connected, so that the system drops what others send, and a closed port is told at
once. What comes from the server's address and answers another question (an other id, an other name)
is left aside while there is time: a guess of an attacker's must not end the wait (RFC 5452 §9.1).
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dns.message import Message, QueryMessage

UDP_BYTES = 65535
STRAY_ANSWERS = 100
"""Packets left aside before the server counts as one that can't be understood."""


class Unreadable(Exception):
    """Something came, and it was no answer to the question."""


def exchange(query: QueryMessage, address: str, port: int, seconds: float) -> Message:
    """The server's answer within `seconds`. Raises `TimeoutError`, `OSError` or `Unreadable`.

    A server that knows no EDNS(0) is asked again without (RFC 6891 §7).
    """
    import dns.rcode

    ends = time.monotonic() + seconds
    message = _both_ways(query, address, port, ends)
    if message.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS) and query.edns >= 0:
        message = _both_ways(_plain(query), address, port, ends)
    return message


def _plain(query: QueryMessage) -> QueryMessage:
    import dns.message

    (question,) = query.question
    plain = dns.message.make_query(question.name, question.rdtype, use_edns=False)
    plain.flags |= query.flags
    return plain


def _both_ways(query: QueryMessage, address: str, port: int, ends: float) -> Message:
    import dns.exception
    import dns.message
    import dns.query

    try:
        return _udp(query, address, port, ends)
    except dns.message.Truncated:
        pass
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    try:
        return dns.query.tcp(query, address, left, port)
    except dns.exception.Timeout:
        raise TimeoutError from None
    except EOFError:
        raise Unreadable("the answer over TCP broke off") from None
    except (dns.exception.DNSException, ValueError) as error:
        raise Unreadable(type(error).__name__) from None


def _udp(query: QueryMessage, address: str, port: int, ends: float) -> Message:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    said = ""
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.connect((address, port))
        client.send(query.to_wire())
        for _ in range(STRAY_ANSWERS):
            left = ends - time.monotonic()
            client.settimeout(max(left, 0.001))
            try:
                wire = client.recv(UDP_BYTES)
            except TimeoutError:
                break
            message, fault = _parsed(query, wire)
            if message is not None:
                return message
            said = fault
    if said:
        raise Unreadable(said)
    raise TimeoutError


def _parsed(query: QueryMessage, wire: bytes) -> tuple[Message | None, str]:
    """The message, or what is wrong with it. Raises `Truncated` for one that goes on over TCP."""
    import dns.exception
    import dns.message

    try:
        message = dns.message.from_wire(wire, raise_on_truncation=True)
    except dns.message.Truncated as error:
        if query.is_response(error.message()):  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
            raise
        return None, "an answer to another question"
    except (dns.exception.DNSException, ValueError) as error:
        return None, type(error).__name__
    if query.is_response(message):
        return message, ""
    return None, "an answer to another question"
