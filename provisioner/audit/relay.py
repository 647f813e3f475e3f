"""Whether a server relays mail for strangers: every classic form of address, up to RCPT.

Intrusive. Nothing is sent: each transaction ends with RSET after RCPT, unless the user said to
send a message to an address of theirs, which alone proves that what was taken also goes out.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.relay_forms import Names, RelayForm, plain_forms, trick_forms
from provisioner.audit.server_port import ServerPort
from provisioner.audit.smtp_reply import Ground, ground
from provisioner.audit.smtp_session import SmtpSession
from provisioner.audit.smtp_talk import made_up
from provisioner.audit.verdict import Verdict, failed, passed, untested
from provisioner.mail.smtp import Reply, Smtp
from provisioner.mail.wire import ConversationError

STRANGER = "relay-test@example.com"
"""The recipient unless the user names one: a domain that RFC 2606 §3 keeps free of mail."""
_HOST = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}")
ENOUGH = 3
"""Forms that were taken, after which no more are tried."""

_WHY = (
    "Spammers find open relays within hours, and the address lands on every block list. "
    "Mail of your own people is refused from then on."
)
_FIX = (
    "Postfix: mynetworks = 127.0.0.0/8 [::1]/128 and smtpd_relay_restrictions = permit_mynetworks, "
    "permit_sasl_authenticated, reject_unauth_destination. Behind a proxy or container, strangers must "
    "not arrive with an address in mynetworks. Exim: dc_relay_nets and dc_relay_domains (Debian) name nobody "
    "else's. OpenSMTPD: no `match from any for any` without `auth`."
)
_REFERENCE = "RFC 5321 §7.9; RFC 2505 §2.1; Postfix SMTPD_ACCESS_README"

OPEN_RELAY = Check(
    "smtp.open-relay", Severity.CRITICAL, "No mail is relayed for strangers", _WHY, _FIX, _REFERENCE
)
SUBMISSION_RELAY = Check(
    "submission.open-relay",
    Severity.CRITICAL,
    "The submission port relays nothing without a login",
    _WHY,
    "Postfix, master.cf: -o smtpd_relay_restrictions=permit_sasl_authenticated,reject for submission(s). "
    "Exim: no host in relay_from_hosts but the own. OpenSMTPD: `match auth from any for any`.",
    f"RFC 6409 §4.3; {_REFERENCE}",
)
CHECKS = (OPEN_RELAY, SUBMISSION_RELAY)
INTRUSIVE = CHECKS


@dataclass(frozen=True, slots=True)
class Attempt:
    """A form, the command that was answered, and the answer; `sent` is DATA's, where it came to that."""

    form: RelayForm
    command: str
    reply: Reply
    sent: Reply | None = None

    def __str__(self) -> str:
        """One line of evidence."""
        sender = "" if self.command.startswith("MAIL") else f"MAIL FROM:{self.form.sender}, "
        sent = f"; message → {self.sent}" if self.sent is not None else ""
        return f"{self.form.name}: {sender}{self.command} → {self.reply}{sent}"


@dataclass(frozen=True, slots=True)
class RelayTalk:
    """What was tried, and which local domains take every address (`catch_all`)."""

    attempts: tuple[Attempt, ...] = ()
    catch_all: Mapping[str, str] = field(default_factory=dict)
    """Domain → the answer to an address there that nobody has."""
    trouble: str = ""
    planned: int = 0

    @property
    def taken(self) -> tuple[Attempt, ...]:
        """Attempts that prove a relay: a stranger's address, or one at a domain that is no catch-all."""
        return tuple(
            attempt
            for attempt in self.attempts
            if attempt.reply.accepted
            and attempt.command.startswith("RCPT")
            and (attempt.form.local is None or attempt.form.local not in self.catch_all)
        )


def audit_relay(
    port: ServerPort,
    domain: str,
    server_name: str,
    *,
    submission: bool = False,
    stranger: str = "",
    send: bool = False,
) -> tuple[Finding, ...]:
    """Try every form. Never raises for what a server does.

    `server_name` is the name in the greeting, `""` to read it first; `submission` is for 465 and
    587, without a login. `stranger` is an address elsewhere, for servers that refuse domains
    without mail; with `send` a short message goes to it through every form that is taken, so it
    must be the user's own.
    """
    name = server_name or _name_of(port) or port.host
    names = Names(stranger or STRANGER, name, port.literal, domain)
    talk = _Relaying(port, names, submission, send).run()
    check = SUBMISSION_RELAY if submission else OPEN_RELAY
    verdict = judge_relay(talk, plain_forms(names), any_refusal=submission)
    return (verdict.of(check, port.subject),)


def _name_of(port: ServerPort) -> str:
    """The name in the greeting, `""` where there is none that an address could have."""
    try:
        wire = port.connect()
    except ConversationError:
        return ""
    smtp = Smtp(wire)
    try:
        words = smtp.read_reply().texts[0].split()
        smtp.quit()
    except ConversationError:
        return ""
    finally:
        wire.close()
    return words[0].lower() if words and _HOST.fullmatch(words[0]) else ""


class _Relaying:
    """The attempts under way; `talk` grows."""

    def __init__(self, port: ServerPort, names: Names, tls: bool, send: bool) -> None:
        self.port, self.names, self.tls, self.send = port, names, tls, send
        self.talk = RelayTalk()

    def run(self) -> RelayTalk:
        plain = plain_forms(self.names)
        try:
            self._try_all(plain)
            if len(self.talk.taken) < ENOUGH:
                self._try_all(trick_forms(self.names, self._good_sender()))
        except ConversationError as error:
            self.talk = replace(self.talk, trouble=error.message)
        return self.talk

    def _try_all(self, wanted: tuple[RelayForm, ...]) -> None:
        self.talk = replace(self.talk, planned=self.talk.planned + len(wanted))
        session = SmtpSession(self.port, tls=self.tls)
        try:
            for form in wanted:
                if form.helo:
                    session.quit()
                    session = SmtpSession(self.port, helo_name=form.helo, tls=self.tls)
                self._try(session, form)
                if len(self.talk.taken) >= ENOUGH:
                    break
            session.quit()
        finally:
            session.drop()

    def _good_sender(self) -> str:
        """A sender that was no reason to refuse: one of the server's own domain, else the null sender."""
        senders = [a.form.sender for a in self.talk.attempts if a.command.startswith("RCPT")]
        refused_for_it = {a.form.sender for a in self.talk.attempts if ground(a.reply) == Ground.DOMAIN}
        good = [sender for sender in senders if sender not in refused_for_it]
        own = [f"<probe@{domain}>" for domain in self.names.own]
        return next((sender for sender in (*own, "<>") if sender in good), "<>")

    def _try(self, session: SmtpSession, form: RelayForm) -> None:
        command, reply = session.ask(form.sender, form.recipient)
        attempt = Attempt(form, command, reply)
        if reply.accepted and command.startswith("RCPT"):
            if form.local is not None:
                self._look_for_catch_all(session, form)
            if self.send and (form.local is None or form.local not in self.talk.catch_all):
                attempt = replace(attempt, sent=_send(session, form, self.names.foreign))
            session.forget()
        self.talk = replace(self.talk, attempts=(*self.talk.attempts, attempt))

    def _look_for_catch_all(self, session: SmtpSession, form: RelayForm) -> None:
        """A local part that nobody has: where that is taken too, the form was a local address."""
        local = form.local or ""
        if local in self.talk.catch_all:
            return
        address = f"{made_up()}@{local}" if local else made_up()
        session.forget()
        command, reply = session.ask(form.sender, f"<{address}>")
        if reply.accepted and command.startswith("RCPT"):
            self.talk = replace(self.talk, catch_all={**self.talk.catch_all, local: str(reply)})
        elif self.send:
            session.forget()
            session.ask(form.sender, form.recipient)


def _send(session: SmtpSession, form: RelayForm, recipient: str) -> Reply:
    smtp = session.open()
    answer = smtp.command("DATA")
    if answer.code != 354:
        return answer
    token = secrets.token_hex(8)
    for line in (
        f"From: <{recipient}>", f"To: <{recipient}>", f"Subject: Relay test {token}",
        f"Message-ID: <{token}@relay-test.invalid>", "",
        "This message was sent by an audit of a mail server, with the form:", form.name, ".",
    ):  # fmt: skip
        smtp.wire.send_line(line)
    return smtp.read_reply()


def judge_relay(talk: RelayTalk, plain: tuple[RelayForm, ...], *, any_refusal: bool = False) -> Verdict:
    """What the attempts mean; `plain` are the forms that must have been answered for a pass.

    With `any_refusal` every 5xx counts: submission ports refuse the client, whoever it writes to.
    """
    if talk.taken:
        ways = "any way" if talk.taken[0].form in plain else talk.taken[0].form.name
        return failed(f"relays mail for strangers ({ways})", *map(str, talk.taken))
    answered = [attempt for attempt in talk.attempts if attempt.form in plain]
    clear = [attempt for attempt in answered if _refuses_relaying(attempt.reply, any_refusal)]
    about = f"{len(talk.attempts)} of {talk.planned} forms"
    if talk.trouble:
        return untested(f"could not be tested to the end, {about} were refused: {talk.trouble}")
    if not clear:
        first = answered[0] if answered else None
        said = (str(first),) if first else ()
        return untested(_unclear(first), *said)
    local = tuple(
        f"{name or 'no domain'}: takes every address ({reply})" for name, reply in talk.catch_all.items()
    )
    return passed(f"relays nothing: {about} were refused", str(clear[0]), *local)


def _refuses_relaying(reply: Reply, any_refusal: bool) -> bool:
    """Refused, and neither for the stranger's domain, nor for ours, nor for the moment."""
    found = ground(reply)
    if found in (Ground.RELAYING, Ground.LOGIN):
        return True
    return reply.refused and (any_refusal or found == Ground.OTHER)


def _unclear(attempt: Attempt | None) -> str:
    if attempt is None:
        return "could not be tested"
    if ground(attempt.reply) == Ground.DOMAIN:
        return (
            "could not be tested: the server refuses the domain of the test's recipient, "
            f"name one that takes mail ({attempt.reply})"
        )
    return f"could not be tested: the server takes nothing from this machine ({attempt.reply})"
