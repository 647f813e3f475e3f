"""The way to the first byte of TLS: at once, or behind STARTTLS of one of mail's protocols."""

from __future__ import annotations

from enum import StrEnum

from provisioner.mail.imap import Imap
from provisioner.mail.managesieve import ManageSieve
from provisioner.mail.pop3 import Pop3
from provisioner.mail.smtp import Smtp
from provisioner.mail.wire import BoundedStream, Stream, Wire


class Opening(StrEnum):
    """How TLS begins on a port."""

    IMPLICIT = "implicit"
    SMTP = "smtp"
    IMAP = "imap"
    POP3 = "pop3"
    MANAGESIEVE = "managesieve"

    @classmethod
    def of_port(cls, port: int) -> Opening:
        """What the port's number says (RFC 8314 §7, RFC 5804 §1.8)."""
        starttls = {25: cls.SMTP, 587: cls.SMTP, 143: cls.IMAP, 110: cls.POP3, 4190: cls.MANAGESIEVE}
        return starttls.get(port, cls.IMPLICIT)


class NotOffered(Exception):
    """The server talks and has no TLS for us; the message is its own answer."""


class SentAway(Exception):
    """The server won't talk now (421 and the like); the message is its own answer."""


def open_tls(stream: Stream, opening: Opening, hello: str, *, seconds: float, wait: float) -> BoundedStream:
    """Talk up to where TLS begins, and return the bare stream.

    Raises `NotOffered`, `SentAway`, or `ConversationError` for a server that is silent or babbles.
    """
    wire = Wire(stream, seconds=seconds, wait=wait)
    if opening is Opening.SMTP:
        _smtp(Smtp(wire), hello)
    elif opening is Opening.IMAP:
        _imap(Imap(wire))
    elif opening is Opening.POP3:
        _pop3(Pop3(wire))
    elif opening is Opening.MANAGESIEVE:
        _managesieve(ManageSieve(wire))
    return wire.bare()


def _smtp(smtp: Smtp, hello: str) -> None:
    reply = smtp.read_reply()
    if reply.accepted:
        reply = smtp.hello(hello)
    if not reply.accepted:
        raise SentAway(str(reply))
    if "STARTTLS" not in smtp.extensions:
        raise NotOffered("STARTTLS is not among what it answers to EHLO")
    reply = smtp.command("STARTTLS")
    if not reply.accepted:
        raise NotOffered(str(reply)) if reply.refused else SentAway(str(reply))


def _imap(imap: Imap) -> None:
    greeting = imap.greeting()
    if greeting.upper().startswith("* BYE"):
        raise SentAway(greeting)
    if greeting.upper().startswith("* PREAUTH"):
        raise NotOffered("it greets with PREAUTH, after which STARTTLS is not allowed (RFC 9051 §6.2.1)")
    answer = imap.command("STARTTLS")
    if not answer.ok:
        raise NotOffered(answer.tagged)


def _pop3(pop3: Pop3) -> None:
    greeting = pop3.greeting()
    if not greeting.upper().startswith("+OK"):
        raise SentAway(greeting)
    answer = pop3.command("STLS")
    if not answer.upper().startswith("+OK"):
        raise NotOffered(answer)


def _managesieve(sieve: ManageSieve) -> None:
    greeting = sieve.answer()
    if not greeting.upper().startswith("OK"):
        raise SentAway(greeting)
    answer = sieve.command("STARTTLS")
    if not answer.upper().startswith("OK"):
        raise NotOffered(answer)
