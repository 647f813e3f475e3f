"""Whether a domain sends mail at all: one that doesn't should say so, and is judged by other rules.

A domain without MX (or with a null MX, RFC 7505) whose SPF record is just `v=spf1 -all` says it. Such
a parked domain needs `p=reject` and no keys; a domain that sends needs servers in its SPF record,
keys, and reports (M3AAWG Protecting Parked Domains Best Common Practices).
"""

from __future__ import annotations

from enum import StrEnum

from provisioner.authentication import spf
from provisioner.authentication.lookup import Asks, plain, texts
from provisioner.dns.resolver import Reply, Status


class MailUse(StrEnum):
    """What the records say of a domain's mail."""

    SENDS = "sends"
    """It has an MX, or an SPF record with servers in it."""
    PARKED = "parked"
    """It neither takes nor sends mail, and says so."""
    SILENT = "silent"
    """It has neither MX nor SPF record: it may send, and nobody can tell."""


def mail_use(domain: str, resolver: Asks) -> MailUse:
    """What the records of `domain` say; DNS that is silent counts for `sends`, the stricter rules."""
    mx, txt = resolver.ask(domain, "MX"), resolver.ask(domain, "TXT")
    if not mx.answered or not txt.answered or not takes_no_mail(mx):
        return MailUse.SENDS
    records = [spf.parse(text) for text in texts(txt) if spf.is_spf(text)]
    if not records:
        return MailUse.SILENT
    return MailUse.PARKED if all(map(allows_nobody, records)) else MailUse.SENDS


def takes_no_mail(mx: Reply) -> bool:
    """No MX, or none but the null MX."""
    if mx.status is not Status.FOUND:
        return True
    return all(plain(getattr(record, "exchange", "x")) == "" for record in mx.records)


def null_mx_only(domain: str, resolver: Asks) -> bool:
    """Whether `domain` says that it takes no mail: a null MX (RFC 7505), and no other."""
    mx = resolver.ask(domain, "MX")
    return mx.status is Status.FOUND and takes_no_mail(mx)


def allows_nobody(record: spf.Record) -> bool:
    """`-all` and nothing else that could let a server pass."""
    return record.all is not None and record.all.qualifier == "-" and record.directives[0] is record.all
