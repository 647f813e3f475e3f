"""What an ordinary mail server would ask of another on port 25: one conversation, written down.

Nothing is judged here. The conversation goes as far as RCPT, as a sender's address check
(callout) does, and takes everything back: no message is sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from provisioner.audit.server_port import ServerPort, any_tls
from provisioner.mail.smtp import Reply, Smtp
from provisioner.mail.tls_stream import TlsFacts
from provisioner.mail.wire import ConversationError, Trouble

Extensions = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SmtpTalk:
    """Every answer, in the order of asking; None is what was not asked, `trouble` says why.

    `before` and `after` are the extensions that EHLO offered before and after STARTTLS. `starttls`
    is what the handshake came to, the reply that refused it, or the words of what went wrong.
    """

    greeting: Reply | None = None
    hello: Reply | None = None
    before: Extensions = field(default_factory=dict)
    starttls: TlsFacts | Reply | str | None = None
    hello_inside: Reply | None = None
    after: Extensions = field(default_factory=dict)
    null_sender: Reply | None = None
    recipients: Mapping[str, Reply] = field(default_factory=dict)
    """RCPT's answers, by what was asked: `postmaster`, `abuse`, `bare`, `unknown`, `literal`."""
    domain: str = ""
    unknown: str = ""
    """The address made up for `unknown`."""
    trouble: str = ""
    transcript: tuple[str, ...] = ()
    silent: bool = False
    """Whether TLS failed because no answer came in time, which says nothing of what would have come."""

    @property
    def tls(self) -> bool:
        """Whether the conversation went on inside TLS."""
        return isinstance(self.starttls, TlsFacts)

    @property
    def extensions(self) -> Extensions:
        """What was offered last, inside TLS where that worked."""
        return self.after if self.hello_inside is not None and self.hello_inside.accepted else self.before

    @property
    def banner_name(self) -> str:
        """The name in the greeting (RFC 5321 §4.2), `""` where there is none."""
        return _first_word(self.greeting)

    @property
    def ehlo_name(self) -> str:
        """The name in the answer to EHLO (§4.1.1.1)."""
        return _first_word(self.hello)


def _first_word(reply: Reply | None) -> str:
    words = reply.texts[0].split() if reply is not None and reply.accepted else []
    return words[0] if words else ""


def made_up() -> str:
    """A local part that nobody has."""
    return f"nobody-{secrets.token_hex(6)}"


def talk_smtp(port: ServerPort, domain: str) -> SmtpTalk:
    """Hold the conversation. Never raises for what a server does.

    `domain` is a mail domain that the server should take mail for; `""` leaves out what needs one.
    """
    asked = SmtpTalk(domain=domain, unknown=f"{made_up()}@{domain}" if domain else "")
    talk = _converse(port, asked, with_tls=True)
    if isinstance(talk.starttls, str) or (isinstance(talk.starttls, Reply) and talk.null_sender is None):
        # The rest can still be asked without TLS.
        again = _converse(port, asked, with_tls=False)
        lines = (*talk.transcript, *again.transcript)
        return replace(again, starttls=talk.starttls, silent=talk.silent, transcript=lines)
    return talk


def _converse(port: ServerPort, talk: SmtpTalk, *, with_tls: bool) -> SmtpTalk:
    try:
        smtp = Smtp(port.connect())
    except ConversationError as error:
        return replace(talk, trouble=error.message)
    steps = _Steps(port, smtp, talk)
    try:
        steps.open()
        if with_tls and steps.usable:
            steps.turn_to_tls()
        if steps.usable:
            steps.ask_recipients()
            smtp.quit()
    except ConversationError as error:
        steps.talk = replace(steps.talk, trouble=error.message)
    finally:
        smtp.wire.close()
    return replace(steps.talk, transcript=tuple(smtp.wire.transcript))


class _Steps:
    """The conversation under way: `talk` grows, so that what was learnt outlives a broken connection."""

    def __init__(self, port: ServerPort, smtp: Smtp, talk: SmtpTalk) -> None:
        self.port, self.smtp, self.talk = port, smtp, talk

    @property
    def usable(self) -> bool:
        return not self.talk.trouble and not isinstance(self.talk.starttls, str)

    def open(self) -> None:
        greeting = self.smtp.read_reply()
        self.talk = replace(self.talk, greeting=greeting)
        if not greeting.accepted:
            self.talk = replace(self.talk, trouble=f"the greeting was {greeting}")
            return
        hello = self.smtp.hello(self.port.helo_name)
        self.talk = replace(self.talk, hello=hello, before=dict(self.smtp.extensions))
        if not hello.accepted:
            self.talk = replace(self.talk, trouble=f"EHLO was answered with {hello}")

    def turn_to_tls(self) -> None:
        if "STARTTLS" not in self.smtp.extensions:
            return
        try:
            answer = self.smtp.starttls(any_tls(), self.port.host)
        except ConversationError as error:
            silent = error.trouble is Trouble.SILENT
            self.talk = replace(self.talk, starttls=error.message, silent=silent)
            return
        self.talk = replace(self.talk, starttls=answer)
        if isinstance(answer, TlsFacts):
            hello = self.smtp.hello(self.port.helo_name)
            self.talk = replace(self.talk, hello_inside=hello, after=dict(self.smtp.extensions))
            if not hello.accepted:
                self.talk = replace(self.talk, trouble=f"EHLO inside TLS was answered with {hello}")

    def ask_recipients(self) -> None:
        sender = self.smtp.mail_from("")
        self.talk = replace(self.talk, null_sender=sender)
        if not sender.accepted:
            self.talk = replace(self.talk, trouble=f"MAIL FROM:<> was answered with {sender}")
            return
        domain = self.talk.domain
        addresses = {"bare": "postmaster", "literal": f"postmaster@{self.port.literal}"}
        if domain:
            named = {"postmaster": f"postmaster@{domain}", "abuse": f"abuse@{domain}"}
            addresses = {**named, "unknown": self.talk.unknown, **addresses}
        for key, address in addresses.items():
            reply = self.smtp.rcpt_to(address)
            self.talk = replace(self.talk, recipients={**self.talk.recipients, key: reply})
            if reply.code == 421:
                self.talk = replace(self.talk, trouble=f"the server hung up: {reply}")
                return
        self.smtp.rset()
