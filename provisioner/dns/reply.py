"""What an answer from DNS comes to: a `Reply` for every message, whatever is in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from dns.message import Message, QueryMessage
    from dns.rdata import Rdata


class Status(StrEnum):
    """What a question came to."""

    FOUND = "found"
    NODATA = "nodata"
    """The name exists, without records of this type (RFC 2308 §2.2)."""
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    MALFORMED = "malformed"
    """A name that can't be asked for, or an answer that can't be read."""
    OVER_BUDGET = "over-budget"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one question.

    `authenticated` is the resolver's AD bit (RFC 4035 §3.2.3): it has validated the answer, absence
    included. `canonical` is the name at the end of the aliases (no final dot, lower case).
    """

    name: str
    rdtype: str
    status: Status
    records: tuple[Rdata, ...] = ()
    canonical: str = ""
    aliases: tuple[str, ...] = ()
    """The names on the way there, the one asked for first; empty without a CNAME."""
    ttl: int = 0
    authenticated: bool = False
    detail: str = ""
    """In words, where there is no answer."""
    signatures: tuple[Rdata, ...] = ()
    """The RRSIG records over `records`, where the zone is signed (RFC 4034 §3)."""
    zone: str = ""
    """The zone that says there are no such records: the owner of the SOA that came with that."""

    @property
    def answered(self) -> bool:
        """Whether somebody has said that there are such records or that there are none."""
        return self.status in (Status.FOUND, Status.NODATA, Status.NXDOMAIN)

    def texts(self) -> tuple[str, ...]:
        """The records as text; TXT strings joined without a space (RFC 7208 §3.3)."""
        return tuple(_text(record) for record in self.records)


def read(message: Message, name: str, rdtype: str, address: str) -> Reply:
    """What a message from the server at `address` says about `name` and `rdtype`."""
    import dns.exception
    import dns.flags
    import dns.rcode

    authenticated = bool(message.flags & dns.flags.AD)
    rcode = message.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        status = Status.REFUSED if rcode == dns.rcode.REFUSED else Status.SERVFAIL
        detail = f"{address} answered {dns.rcode.to_text(rcode)}{_reasons(message)}"
        return Reply(name, rdtype, status, detail=detail)
    try:
        chain = cast("QueryMessage", message).resolve_chaining()
    except (dns.exception.DNSException, ValueError) as error:
        detail = f"the aliases of {name[:80]} lead nowhere: {type(error).__name__}"
        return Reply(name, rdtype, Status.MALFORMED, detail=detail)
    canonical = _plain(chain.canonical_name)
    aliases = tuple(_plain(cname.name) for cname in chain.cnames)
    if chain.answer is not None:
        records = tuple(chain.answer)
        status = Status.FOUND
    else:
        records = ()
        status = Status.NXDOMAIN if rcode == dns.rcode.NXDOMAIN else Status.NODATA
    return Reply(
        name, rdtype, status, records, canonical, aliases, chain.minimum_ttl, authenticated,
        signatures=_signatures(message, canonical, rdtype), zone=_zone(message),
    )  # fmt: skip


def _reasons(message: Message) -> str:
    """What the resolver says of its failure, such as `DNSSEC Bogus` (extended errors, RFC 8914)."""
    import dns.edns

    said = []
    for option in message.options:
        if isinstance(option, dns.edns.EDEOption):
            words = dns.edns.EDECode(option.code).name.replace("_", " ").lower() if option.code < 30 else ""
            said += [text for text in (words, (option.text or "")[:120]) if text]
    return f" ({': '.join(said)})" if said else ""


def _signatures(message: Message, canonical: str, rdtype: str) -> tuple[Rdata, ...]:
    return tuple(
        record
        for rrset in message.answer
        if rrset.rdtype.name == "RRSIG" and rrset.covers.name == rdtype and _plain(rrset.name) == canonical
        for record in rrset
    )


def _zone(message: Message) -> str:
    return next((_plain(rrset.name) for rrset in message.authority if rrset.rdtype.name == "SOA"), "")


def _plain(name: object) -> str:
    return str(name).rstrip(".").lower()


def _text(record: Rdata) -> str:
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("utf-8", "backslashreplace")
    return record.to_text()
