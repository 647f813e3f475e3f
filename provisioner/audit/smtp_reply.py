"""What a refusal is about: the relaying, the recipient's domain, us, or only the moment."""

from __future__ import annotations

import re
from enum import StrEnum

from provisioner.mail.smtp import Reply


class Ground(StrEnum):
    """Why a server did not take a sender or a recipient, as far as its reply says."""

    RELAYING = "relaying"
    LOGIN = "login"
    DOMAIN = "domain"
    CLIENT = "client"
    LATER = "later"
    OTHER = "other"


# Order decides: replies about relaying often name an address or a host too.
_GROUNDS = (
    (Ground.LATER, re.compile(r"gr[ea]y-?list|too many|rate limit|slow down|try (again )?later", re.I)),
    (Ground.RELAYING, re.compile(r"relay|not (a )?local|we do not|invalid recipient domain", re.I)),
    (Ground.LOGIN, re.compile(r"authenticat|\bauth\b|log ?in|sasl|must issue a starttls|5\.7\.0 ", re.I)),
    (
        Ground.CLIENT,
        re.compile(
            r"client host|blocked|black ?list|block ?list|dnsbl|\brbl\b|spamhaus|reputation|reverse|\bptr\b"
            r"|helo command|\bhelo\b|5\.7\.25|4\.7\.25",
            re.I,
        ),
    ),
    (
        Ground.DOMAIN,
        re.compile(
            r"domain (not found|does not|of sender)|null ?mx|unrouteable|unroutable|no such domain"
            r"|sender address rejected|sender verify|[45]\.1\.2|[45]\.1\.8|[45]\.1\.10",
            re.I,
        ),
    ),
)


def ground(reply: Reply) -> Ground:
    """What a reply that is not 2xx is about."""
    text = " ".join(reply.texts)
    if reply.code == 530:
        return Ground.LOGIN  # RFC 4954 §6; RFC 3207 §4 where it asks for STARTTLS first
    for found, pattern in _GROUNDS:
        if pattern.search(text):
            return found
    if reply.code == 421:
        return Ground.LATER
    return Ground.OTHER
