"""A whole message, read by its headers: its way, its authentication evaluated again, its filters' marks."""

from __future__ import annotations

from collections.abc import Sequence
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr
from itertools import pairwise

from provisioner.authentication import arc, authentication_results, dkim, dmarc, spf
from provisioner.authentication.lookup import Lookup
from provisioner.explain import filters, path
from provisioner.explain.result import Hop, MessageReport, Verdict

_SLOW = 300.0
"""Seconds at one hop that are worth a word; greylisting mostly costs five minutes."""
_CLOCK = 60.0
"""Seconds by which clocks may differ."""


def read(raw: bytes, message: Message, lookup: Lookup, *, address: str = "", helo: str = "") -> MessageReport:
    """What its headers say, and what the records of today say to the same.

    `address` and `helo` are the server that handed it in, where the user knows better than the
    Received fields.
    """
    way = path.hops([str(value) for value in message.get_all("Received", [])])
    came_in = path.entry(way)
    address = address or (came_in.address if came_in else "")
    helo = helo or (came_in.sent_from if came_in else "")
    verdicts, warnings = _authenticate(raw, message, lookup, address, helo)
    return MessageReport(
        subject=_decoded(message.get("Subject", "")),
        sender=_decoded(message.get("From", "")),
        hops=way,
        verdicts=verdicts,
        filters=filters.read(message),
        warnings=(*warnings, *_odd(message, way)),
    )


def _authenticate(
    raw: bytes, message: Message, lookup: Lookup, address: str, helo: str
) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    written = [authentication_results.parse(str(v)) for v in message.get_all("Authentication-Results", [])]
    sender = _envelope_sender(message, written)
    warnings: list[str] = []
    sent = None
    verdicts = []
    if address:
        sent = spf.evaluate(address, sender, helo, lookup)
        domain = sender.rpartition("@")[2] or helo
        detail = f"{address} for {sender or helo}: {sent.problem or sent.result.value}"
        verdicts.append(Verdict("spf", domain, sent.result.value, _then(written, "spf", domain), detail))
    else:
        verdicts.append(Verdict("spf", sender.rpartition("@")[2], "", _then(written, "spf", "")))
        warnings.append(
            "no Received field names a public address: SPF can't be evaluated (--ip ADDRESS names it)"
        )
    signatures = dkim.verify(raw, lookup)
    for one in signatures:
        name = f"{one.signature.domain} ({one.signature.selector})"
        detail = one.problem or "; ".join(one.notes)
        verdicts.append(
            Verdict("dkim", name, one.result.value, _then(written, "dkim", one.signature.domain), detail)
        )
    if not signatures:
        verdicts.append(Verdict("dkim", "", "none", _then(written, "dkim", ""), "there is no signature"))
    judged = dmarc.evaluate_message(raw, sent, signatures, lookup)
    verdicts.append(
        Verdict(
            "dmarc",
            judged.from_domain,
            judged.outcome.value,
            _then(written, "dmarc", judged.from_domain),
            judged.problem,
        )
    )
    chain = arc.verify(raw, lookup)
    if chain.instances or chain.problem:
        seals = ", ".join(one.seal.signature.domain for one in chain.instances)
        detail = chain.problem or f"sealed by {seals}"
        verdicts.append(Verdict("arc", seals, chain.status.value, _then(written, "arc", ""), detail))
    return tuple(verdicts), tuple(warnings)


def _envelope_sender(
    message: Message, written: Sequence[authentication_results.AuthenticationResults]
) -> str:
    """MAIL FROM: of Return-Path, else as a receiver noted it; empty for a bounce, and where nobody did."""
    if message.get("Return-Path") is not None:
        return parseaddr(str(message["Return-Path"]))[1]
    for field in written:
        for result in field.results:
            noted = dict(result.properties).get("smtp.mailfrom", "")
            if result.method == "spf" and noted:
                return noted if "@" in noted else f"postmaster@{noted}"
    return ""


def _then(written: Sequence[authentication_results.AuthenticationResults], method: str, domain: str) -> str:
    """What a receiver wrote for a method; the topmost field is the last receiver's."""
    for field in written:
        for result in field.results:
            if result.method != method:
                continue
            said = " ".join(value for _, value in result.properties).lower()
            if method != "dkim" or not domain or domain.lower() in said:
                return result.result
    return ""


def _odd(message: Message, way: Sequence[Hop]) -> list[str]:
    """What deserves a second look."""
    found = []
    for name in ("From", "Date", "Message-ID"):
        count = len(message.get_all(name, []))
        if count != 1:
            found.append(
                f"it has {count or 'no'} {name} field{'s' * (count > 1)}, where one is right (RFC 5322 §3.6)"
            )
    for before, hop in pairwise(way):
        if hop.delay is not None and hop.delay > _SLOW:
            found.append(
                f"it waited {hop.delay / 60:.0f} minutes between {before.by or '?'} and {hop.by or '?'}"
            )
        if hop.delay is not None and hop.delay < -_CLOCK:
            found.append(
                f"the clock of {before.by or '?'} or of {hop.by or '?'} is {-hop.delay / 60:.0f} minutes off"
            )
    display, address = parseaddr(_decoded(message.get("From", "")))
    if "@" in display and display.strip("'\" ").lower() != address.lower():
        found.append(f"its From shows {display} and is {address}: a common way to deceive")
    reply_to = parseaddr(str(message.get("Reply-To", "")))[1]
    if reply_to and reply_to.rpartition("@")[2].lower() != address.rpartition("@")[2].lower():
        found.append(f"answers go to another domain: {reply_to}")
    return found


def _decoded(value: object) -> str:
    """A header's text with its encoded words read (RFC 2047)."""
    text = " ".join(str(value).split())
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError):
        return text
