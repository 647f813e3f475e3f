"""What a mail program hears from IMAP, POP3 or ManageSieve before it logs in. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from provisioner.audit.server_port import ServerPort, any_tls
from provisioner.mail.imap import Answer, Imap
from provisioner.mail.managesieve import ManageSieve
from provisioner.mail.pop3 import Pop3
from provisioner.mail.tls_stream import TlsFacts
from provisioner.mail.wire import ConversationError, Trouble, Wire


class Mailbox(StrEnum):
    """The protocols; the value is the area of the checks' ids."""

    IMAP = "imap"
    POP3 = "pop3"
    MANAGESIEVE = "managesieve"


@dataclass(frozen=True, slots=True)
class MailboxTalk:
    """What was heard; None is what was not asked, `trouble` says why.

    Capabilities are lines as the server wrote them; mechanisms are SASL's names, and `LOGIN` or
    `USER` where the protocol's own login command is open.
    """

    implicit: bool
    greeting: str | None = None
    preauth: bool = False
    starttls_offered: bool = False
    before: tuple[str, ...] | None = None
    mechanisms_before: tuple[str, ...] = ()
    starttls: TlsFacts | str | None = None
    after: tuple[str, ...] | None = None
    mechanisms: tuple[str, ...] = ()
    trouble: str = ""
    unreachable: bool = False
    silent: bool = False
    """Whether TLS failed because no answer came in time, which says nothing of what would have come."""
    transcript: tuple[str, ...] = ()


def talk_mailbox(port: ServerPort, protocol: Mailbox) -> MailboxTalk:
    """Hold the conversation up to where a login would come. Never raises for what a server does."""
    talk = MailboxTalk(port.implicit_tls)
    try:
        wire = port.connect()
    except ConversationError as error:
        lost, silent = (error.trouble is kind for kind in (Trouble.UNREACHABLE, Trouble.SILENT))
        return replace(talk, trouble=error.message, unreachable=lost, silent=silent)
    record = _Record(replace(talk, starttls=wire.tls))
    try:
        _TALKS[protocol](port, wire, record)
    except ConversationError as error:
        record.note(trouble=error.message)
    finally:
        wire.close()
    return replace(record.talk, transcript=tuple(wire.transcript))


class _Record:
    """The talk as it grows, so that what was heard outlives a broken connection."""

    def __init__(self, talk: MailboxTalk) -> None:
        self.talk = talk

    def note(self, **heard: object) -> None:
        self.talk = replace(self.talk, **heard)  # type: ignore[arg-type]  # names are the fields above

    def turn(self, port: ServerPort, start: Callable[..., TlsFacts | Answer | str]) -> bool:
        """Whether TLS is on now."""
        try:
            answer = start(any_tls(), port.host)
        except ConversationError as error:
            answer = error.message
            self.note(silent=error.trouble is Trouble.SILENT)
        if isinstance(answer, Answer):
            answer = answer.tagged
        self.note(starttls=answer)
        if isinstance(answer, str):
            self.note(trouble=f"no TLS: {answer}")
        return not isinstance(answer, str)


def _imap(port: ServerPort, wire: Wire, record: _Record) -> None:
    imap = Imap(wire)
    greeting = imap.greeting()
    record.note(greeting=greeting, preauth=greeting.upper().startswith("* PREAUTH"))
    if greeting.upper().startswith("* BYE"):
        record.note(trouble=f"the greeting was {greeting}")
        return
    imap.capability()
    if not port.implicit_tls:
        offered = "STARTTLS" in imap.capabilities
        record.note(
            before=imap.capabilities, starttls_offered=offered, mechanisms_before=_imap_mechanisms(imap)
        )
        if not offered or record.talk.preauth or not record.turn(port, imap.starttls):
            return
        imap.capability()
    record.note(after=imap.capabilities, mechanisms=_imap_mechanisms(imap))
    imap.logout()


def _imap_mechanisms(imap: Imap) -> tuple[str, ...]:
    plain = () if "LOGINDISABLED" in imap.capabilities else ("LOGIN",)  # RFC 9051 §6.2.3
    return tuple(dict.fromkeys((*imap.mechanisms, *plain)))


def _pop3(port: ServerPort, wire: Wire, record: _Record) -> None:
    pop3 = Pop3(wire)
    greeting = pop3.greeting()
    record.note(greeting=greeting)
    if not greeting.upper().startswith("+OK"):
        record.note(trouble=f"the greeting was {greeting}")
        return
    # RFC 1939 §7: a timestamp in the greeting offers APOP.
    apop = ("APOP",) if "@" in greeting and "<" in greeting else ()
    pop3.capa()
    if not port.implicit_tls:
        offered = "STLS" in pop3.capabilities
        record.note(
            before=_pop3_lines(pop3), starttls_offered=offered, mechanisms_before=(*pop3.mechanisms, *apop)
        )
        if not offered or not record.turn(port, pop3.starttls):
            return
        pop3.capa()
    record.note(after=_pop3_lines(pop3), mechanisms=(*pop3.mechanisms, *apop))
    pop3.quit()


def _pop3_lines(pop3: Pop3) -> tuple[str, ...]:
    return tuple(" ".join((name, *rest)) for name, rest in pop3.capabilities.items())


def _managesieve(port: ServerPort, wire: Wire, record: _Record) -> None:
    sieve = ManageSieve(wire)
    greeting = sieve.answer()
    record.note(greeting=greeting)
    if not greeting.upper().startswith("OK"):
        record.note(trouble=f"the greeting was {greeting}")
        return
    if not port.implicit_tls:
        offered = "STARTTLS" in sieve.capabilities
        record.note(before=_sieve_lines(sieve), starttls_offered=offered, mechanisms_before=sieve.mechanisms)
        if not offered or not record.turn(port, sieve.starttls):
            return
        sieve.answer()
    record.note(after=_sieve_lines(sieve), mechanisms=sieve.mechanisms)
    sieve.logout()


def _sieve_lines(sieve: ManageSieve) -> tuple[str, ...]:
    return tuple(
        f'"{name}" "{value}"' if value else f'"{name}"' for name, value in sieve.capabilities.items()
    )


_TALKS: dict[Mailbox, Callable[[ServerPort, Wire, _Record], None]] = {
    Mailbox.IMAP: _imap,
    Mailbox.POP3: _pop3,
    Mailbox.MANAGESIEVE: _managesieve,
}
