"""Whether anything but <CR><LF>.<CR><LF> ends a message (SMTP smuggling, CVE-2023-51764 and others).

Intrusive. A message is begun, a false end is written into it, and the server is listened to: an
answer means that it took the false end for the end. Otherwise we hang up, and since the message
never ended nothing is delivered (RFC 5321 §4.1.1.4). Only a server that has the fault delivers the
short message, which says what it is.

All forms go into one message first: where nothing answers, none of them ends it, and one wait was
enough for all. Where something does, the forms are halved until each is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.server_port import Allowance, ServerPort, any_tls
from provisioner.audit.smtp_reply import ground
from provisioner.audit.smtp_session import RefusedError, greeted, turned_to_tls
from provisioner.audit.verdict import Verdict, failed, passed, untested, warned
from provisioner.mail.smtp import Reply, Smtp
from provisioner.mail.wire import ConversationError, Trouble, Wire

PATIENCE = 5.0
"""Seconds without an answer after which a false end counts as not taken for the end."""

SECONDS = 75.0
"""Most that the search takes."""

END_FORMS: dict[str, bytes] = {
    "<LF>.<LF>": b"\n.\n",
    "<LF>.<CR><LF>": b"\n.\r\n",
    "<CR><LF>.<LF>": b"\r\n.\n",
    "<CR>.<CR>": b"\r.\r",
    "<CR>.<LF>": b"\r.\n",
    "<LF>.<CR>": b"\n.\r",
    "<CR>.<CR><LF>": b"\r.\r\n",
    "<CR><LF>.<CR>": b"\r\n.\r",
    "<CR><LF><NUL>.<CR><LF>": b"\r\n\0.\r\n",
    "<CR><LF>.<NUL><CR><LF>": b"\r\n.\0\r\n",
    "<CR><LF><NUL>.<LF>": b"\r\n\0.\n",
    "<CR><LF><NUL>.<CR>": b"\r\n\0.\r",
    "<CR><LF>.<CR><NUL><LF>": b"\r\n.\r\0\n",
    "<LF><LF>.<CR><LF>": b"\n\n.\r\n",
    "<CR><CR><LF>.<CR><CR><LF>": b"\r\r\n.\r\r\n",
}

SMUGGLING = Check(
    "smtp.smuggling",
    Severity.HIGH,
    "Only <CR><LF>.<CR><LF> ends a message",
    "A message that another server took as one arrives here as two, and the second one passes SPF and "
    "DMARC in the name of anybody who uses that server.",
    "Postfix 3.7.10, 3.8.5, 3.9 and later: smtpd_forbid_bare_newline = normalize, "
    "smtpd_forbid_unauth_pipelining = yes. Exim: 4.97.1 or later.",
    "RFC 5321 §4.1.1.4, §2.3.8; CVE-2023-51764, CVE-2023-51765, CVE-2023-51766",
)
PIPELINING = Check(
    "smtp.early-pipelining",
    Severity.LOW,
    "Commands before their turn are refused",
    "A smuggled second message comes all at once. A server that insists on turns hangs up there.",
    "Postfix 3.7.6, 3.8.1 and later: smtpd_forbid_unauth_pipelining = yes. Exim: smtp_enforce_sync = true.",
    "RFC 2920 §3.1; Postfix smtpd_forbid_unauth_pipelining",
)
CHECKS = (SMUGGLING, PIPELINING)
INTRUSIVE = CHECKS


@dataclass(frozen=True, slots=True)
class _Heard:
    """What came of a message with false ends in it: the answer, `closed` for a hang-up, or silence."""

    reply: Reply | None = None
    closed: str = ""

    @property
    def silent(self) -> bool:
        return self.reply is None and not self.closed


class _NoMessageError(ConversationError):
    """It did not come to a message."""

    def __init__(self, error: ConversationError) -> None:
        super().__init__(error.trouble, error.message)
        self.refused = isinstance(error, RefusedError)


def audit_smuggling(
    port: ServerPort, domain: str, *, recipient: str = "", patience: float = PATIENCE
) -> tuple[Finding, ...]:
    """Try every form of false end, and commands before their turn.

    A recipient that the server takes is needed: `recipient`, or postmaster at `domain`. Never
    raises for what a server does.
    """
    to = recipient or (f"postmaster@{domain}" if domain else "postmaster")
    probe = _Probe(port, to, patience)
    return (
        probe.judge().of(SMUGGLING, port.subject),
        _early_pipelining(port).of(PIPELINING, port.subject),
    )


class _Probe:
    """The search for the forms that end a message."""

    def __init__(self, port: ServerPort, recipient: str, patience: float) -> None:
        self._port, self._recipient, self._patience = port, recipient, patience
        self._allowance = Allowance(SECONDS)
        self._ends: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        """Form → what the server said instead of taking it."""

    def judge(self) -> Verdict:
        try:
            self._search(list(END_FORMS))
        except ConversationError as error:
            if not self._ends:
                return untested(f"could not be tested: {error.message}")
        if self._ends:
            said = [f"{form} → {reply}" for form, reply in self._ends.items()]
            return failed(f"takes {', '.join(self._ends)} for the end of a message", *said)
        said = [f"{form} → {reply}" for form, reply in self._refused.items()]
        return passed(
            f"takes none of {len(END_FORMS)} false ends for the end of a message",
            f"DATA to <{self._recipient}>, {self._patience:.0f} s without an answer",
            *said,
        )

    def _search(self, names: list[str]) -> None:
        heard = self._send(names)
        if heard.silent:
            return
        if len(names) == 1:
            if heard.reply is not None and heard.reply.accepted:
                self._ends[names[0]] = str(heard.reply)
            else:
                self._refused[names[0]] = str(heard.reply or heard.closed)
            return
        half = len(names) // 2
        self._search(names[:half])
        self._search(names[half:])

    def _send(self, names: list[str]) -> _Heard:
        try:
            return self._sent(names)
        except _NoMessageError as error:
            if error.refused:
                raise
            return self._sent(names)  # A busy server owed an answer.

    def _sent(self, names: list[str]) -> _Heard:
        wire = self._port.connect(seconds=self._allowance.left(self._port.seconds))
        try:
            smtp = self._message_begun(wire)
            wire.plain.patience(self._patience)
            wire.send_raw(_HEAD + b"".join(b"text" + END_FORMS[name] for name in names) + b"text\r\n")
            return _Heard(reply=smtp.read_reply())
        except _NoMessageError:
            raise
        except ConversationError as error:
            if error.trouble == Trouble.SILENT:
                return _Heard()
            return _Heard(closed=error.message)
        finally:
            wire.close()

    def _message_begun(self, wire: Wire) -> Smtp:
        try:
            smtp = greeted(wire, self._port.helo_name)
            sender = smtp.mail_from("")
            if sender.code == 530 and "STARTTLS" in smtp.extensions:
                turned_to_tls(smtp, any_tls(), self._port)
                sender = smtp.mail_from("")
            for what, answer in (
                ("MAIL FROM:<>", sender),
                (f"RCPT TO:<{self._recipient}>", smtp.rcpt_to(self._recipient)),
            ):
                if not answer.accepted:
                    raise RefusedError(what, answer)
            answer = smtp.command("DATA")
            if answer.code != 354:
                raise RefusedError("DATA", answer)
        except ConversationError as error:
            raise _NoMessageError(error) from None
        return smtp


_HEAD = (
    b"Subject: Test of a mail server\r\n\r\n"
    b"An audit of this server tried to end this message in a wrong way. If it has arrived,\r\n"
    b"the server took the wrong end for the right one (SMTP smuggling).\r\n"
)


def _early_pipelining(port: ServerPort) -> Verdict:
    """EHLO ends a group of commands (RFC 2920 §3.1): NOOP behind it, in one write, comes too early."""
    probe = f"EHLO {port.helo_name}\\r\\nNOOP\\r\\n"
    try:
        wire = port.connect()
    except ConversationError as error:
        return untested(f"could not be tested: {error.message}")
    smtp = Smtp(wire)
    try:
        greeting = smtp.read_reply()
        if not greeting.accepted:
            return untested(f"could not be tested: the connection was answered with {greeting}")
        wire.send_raw(f"EHLO {port.helo_name}\r\nNOOP\r\n".encode())
        first = smtp.read_reply()
        second = smtp.read_reply() if first.accepted else first
    except ConversationError as error:
        if error.trouble == Trouble.CLOSED:
            return passed("hangs up where commands come before their turn", f"> {probe}")
        return untested(f"could not be tested: {error.message}")
    finally:
        wire.close()
    said = (f"> {probe}", f"< {first}", f"< {second}")
    if "PIPECONNECT" in " ".join(first.texts):
        return passed("offers PIPECONNECT, by which this is allowed", *said)
    if second.accepted:
        return warned("takes commands before their turn", *said)
    if second.code == 421:
        return untested(f"could not be tested: {second} ({ground(second)})")
    return passed("refuses commands before their turn", *said)
