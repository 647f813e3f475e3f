"""The way of a message: its Received fields (RFC 5321 §4.4), the first server first."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

from provisioner.explain.result import Hop

MOST_HOPS = 100
_COMMENT = re.compile(r"\((?:[^()]|\([^()]*\))*\)")
_FROM = re.compile(r"^\s*from\s+(\S+)(.*?)(?=\bby\s)", re.IGNORECASE | re.DOTALL)
_BY = re.compile(r"\bby\s+([^\s;()]+)", re.IGNORECASE)
_WITH = re.compile(r"\bwith\s+([A-Za-z0-9]+)", re.IGNORECASE)
_ADDRESS = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]{3,45})\]|\(([0-9]{1,3}(?:\.[0-9]{1,3}){3})\)")
_TLS = re.compile(r"\bTLS|cipher=|\bESMTPSA?\b|\bLMTPSA?\b|\bHTTPS\b", re.IGNORECASE)


def hops(received: Sequence[str]) -> tuple[Hop, ...]:
    """The hops of a message's Received fields, given in the order of the header (the last hop first)."""
    found: list[Hop] = []
    before: datetime | None = None
    for field in reversed(received[:MOST_HOPS]):
        text, _, date = " ".join(field.split()).rpartition(";")
        text = text or " ".join(field.split())
        time = _time(date)
        delay = (time - before).total_seconds() if time is not None and before is not None else None
        found.append(_hop(text, time, delay))
        before = time or before
    return tuple(found)


def _hop(text: str, time: datetime | None, delay: float | None) -> Hop:
    origin = _FROM.match(text)
    by, protocol = _BY.search(_COMMENT.sub(" ", text)), _WITH.search(_COMMENT.sub(" ", text))
    return Hop(
        sent_from=origin[1][:255] if origin else "",
        address=_address(origin[0]) if origin else "",
        by=by[1][:255] if by else "",
        protocol=protocol[1].upper() if protocol else "",
        encrypted=bool(_TLS.search(text)),
        time=time.isoformat() if time is not None else "",
        delay=delay,
    )


def _address(text: str) -> str:
    """The address in brackets, as the receiving server writes what it saw; the last of them."""
    for match in reversed(list(_ADDRESS.finditer(text))):
        try:
            return str(ipaddress.ip_address(match[1] or match[2]))
        except ValueError:
            continue
    return ""


def _time(text: str) -> datetime | None:
    try:
        time = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return time if time.tzinfo is not None else None


def entry(path: Sequence[Hop]) -> Hop | None:
    """The hop at which the message came in from outside: the last one from a public address.

    It was written by the receiver's own server, or by one that hands on to it; earlier fields were
    written by strangers and may be made up.
    """
    for hop in reversed(path):
        try:
            if hop.address and ipaddress.ip_address(hop.address).is_global:
                return hop
        except ValueError:
            continue
    return None
