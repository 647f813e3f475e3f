"""Whether what is sent in clear text behind STARTTLS counts as said inside TLS.

Intrusive, though harmless: STARTTLS and one more command that does nothing go out in one write.
A sound server forgets the second, or hangs up. One that keeps it in its buffer answers it inside
TLS, so that somebody in between can put commands into another's session (CVE-2011-0411).

Nothing is waited for: the next command's answer tells which of the two was answered first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.server_port import ServerPort, any_tls
from provisioner.audit.smtp_session import RefusedError, greeted
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested
from provisioner.mail.imap import Imap
from provisioner.mail.managesieve import ManageSieve
from provisioner.mail.pop3 import Pop3
from provisioner.mail.smtp import Smtp
from provisioner.mail.wire import ConversationError, Trouble, Wire

_NAMES = {
    "smtp": "SMTP",
    "submission": "Submission",
    "imap": "IMAP",
    "pop3": "POP3",
    "managesieve": "ManageSieve",
}


def _check(area: str) -> Check:
    return Check(
        f"{area}.starttls-injection",
        Severity.HIGH,
        f"{_NAMES[area]} forgets what was sent before TLS",
        "Somebody in between can put commands in front of another's session, and so read their login "
        "or message. It was in most servers once, and comes back with proxies.",
        "Update the server, or the proxy that ends TLS in front of it (Postfix 2.8 and Dovecot 2.3.14.1 "
        "are sound).",
        "RFC 3207 §4.2; CVE-2011-0411; CVE-2021-33515; NO STARTTLS (USENIX Security 2021)",
    )


INJECTION = {area: _check(area) for area in _NAMES}
STATE = Check(
    "smtp.starttls-state",
    Severity.MEDIUM,
    "A transaction from before TLS is gone inside it",
    "What was said before TLS may have been said by somebody in between.",
    "Update the server, or the proxy that ends TLS in front of it.",
    "RFC 3207 §4.2",
)
CHECKS = (*INJECTION.values(), STATE)
INTRUSIVE = CHECKS


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a protocol is begun, what is injected, and how one sees that it was answered."""

    offers: Callable[[Wire, ServerPort], bool]
    """Up to where STARTTLS can be sent; False where it is not offered."""
    start: bytes
    injected: bytes
    agreed: Callable[[Wire], str]
    """The answer to STARTTLS; `""` where the server agreed."""
    answered: Callable[[Wire, ServerPort], str]
    """Send the next command inside TLS: the answer to what was injected, `""` where there is none."""


def _smtp_offers(wire: Wire, port: ServerPort) -> bool:
    return "STARTTLS" in greeted(wire, port.helo_name).extensions


def _smtp_agreed(wire: Wire) -> str:
    reply = Smtp(wire).read_reply()
    return "" if reply.accepted else str(reply)


def _smtp_answered(wire: Wire, port: ServerPort) -> str:
    smtp = Smtp(wire)
    first = smtp.hello(port.helo_name)
    if first.accepted:
        return ""
    # The unknown command was refused first; EHLO's answer follows.
    return str(first) if smtp.read_reply().accepted else ""


def _imap_offers(wire: Wire, port: ServerPort) -> bool:
    imap = Imap(wire)
    imap.greeting()
    imap.capability()
    return "STARTTLS" in imap.capabilities


def _imap_agreed(wire: Wire) -> str:
    line = wire.read_line()
    return "" if line.upper().startswith("S1 OK") else line


def _imap_answered(wire: Wire, port: ServerPort) -> str:
    answer = Imap(wire).capability()
    return next((line for line in answer.untagged if line.upper().startswith("S2 ")), "")


def _pop3_offers(wire: Wire, port: ServerPort) -> bool:
    pop3 = Pop3(wire)
    pop3.greeting()
    pop3.capa()
    return "STLS" in pop3.capabilities


def _pop3_agreed(wire: Wire) -> str:
    line = wire.read_line()
    return "" if line.upper().startswith("+OK") else line


def _pop3_answered(wire: Wire, port: ServerPort) -> str:
    first = Pop3(wire).capa()
    return "" if first.upper().startswith("+OK") else first


def _sieve_offers(wire: Wire, port: ServerPort) -> bool:
    sieve = ManageSieve(wire)
    sieve.answer()
    return "STARTTLS" in sieve.capabilities


def _sieve_agreed(wire: Wire) -> str:
    line = wire.read_line()
    return "" if line.upper().startswith("OK") else line


def _sieve_answered(wire: Wire, port: ServerPort) -> str:
    ManageSieve(wire).answer()  # the capabilities, which come unasked after TLS (RFC 5804 §2.2)
    sieve = ManageSieve(wire)
    answer = sieve.command("CAPABILITY")
    return "" if sieve.capabilities else answer


_SMTP = _Dialect(_smtp_offers, b"STARTTLS\r\n", b"XINJECTED\r\n", _smtp_agreed, _smtp_answered)
_DIALECTS = {
    "smtp": _SMTP,
    "submission": _SMTP,
    "imap": _Dialect(_imap_offers, b"s1 STARTTLS\r\n", b"s2 NOOP\r\n", _imap_agreed, _imap_answered),
    "pop3": _Dialect(_pop3_offers, b"STLS\r\n", b"XINJECTED\r\n", _pop3_agreed, _pop3_answered),
    "managesieve": _Dialect(
        _sieve_offers, b"STARTTLS\r\n", b'NOOP "injected"\r\n', _sieve_agreed, _sieve_answered
    ),
}


def audit_injection(port: ServerPort, area: str) -> tuple[Finding, ...]:
    """Try it on a port that begins in clear text: `smtp`, `submission`, `imap`, `pop3`, `managesieve`.

    On `smtp` the state kept over STARTTLS is tried too. Never raises for what a server does.
    """
    findings = [_injection(port, _DIALECTS[area]).of(INJECTION[area], port.subject)]
    if area == "smtp":
        findings.append(_state(port).of(STATE, port.subject))
    return tuple(findings)


def _injection(port: ServerPort, dialect: _Dialect) -> Verdict:
    try:
        answer = _turn(port, dialect, dialect.injected)
    except ConversationError as error:
        return _handshake_failed(port, dialect, error)
    if answer is None:
        return skipped("no STARTTLS here")
    if answer:
        return failed(
            "answers inside TLS what was sent before it", f"> {_text(dialect)}", "* TLS", f"< {answer}"
        )
    return passed("forgets what was sent before TLS", f"> {_text(dialect)}")


def _text(dialect: _Dialect) -> str:
    return (dialect.start + dialect.injected).decode().replace("\r\n", "\\r\\n")


def _turn(port: ServerPort, dialect: _Dialect, injected: bytes) -> str | None:
    """STARTTLS with something behind it: what was answered inside TLS, None where it isn't offered."""
    wire = port.connect()
    try:
        if not dialect.offers(wire, port):
            return None
        wire.send_raw(dialect.start + injected)
        if refusal := dialect.agreed(wire):
            raise ConversationError(Trouble.CLOSED, f"it refused: {refusal}")
        wire.start_tls(any_tls(), port.host)
        return dialect.answered(wire, port)
    finally:
        wire.close()


def _handshake_failed(port: ServerPort, dialect: _Dialect, error: ConversationError) -> Verdict:
    """The server broke off. Good, if it does so only because of what was injected."""
    if isinstance(error, RefusedError) or error.trouble == Trouble.UNREACHABLE:
        return untested(f"could not be tested: {error.message}")
    try:
        _turn(port, dialect, b"")
    except ConversationError as without:
        return untested(f"could not be tested: {without.message}")
    return passed(
        "breaks off where something is sent behind STARTTLS", f"> {_text(dialect)}", f"< {error.message}"
    )


def _state(port: ServerPort) -> Verdict:
    recipient = "<postmaster>"  # the one address that every server takes (RFC 5321 §4.5.1)
    try:
        wire = port.connect()
    except ConversationError as error:
        return untested(f"could not be tested: {error.message}")
    try:
        smtp = greeted(wire, port.helo_name)
        if "STARTTLS" not in smtp.extensions:
            return skipped("no STARTTLS here")
        sender = smtp.mail_from("")
        if not sender.accepted:
            return untested(f"could not be tested: MAIL FROM:<> before TLS was answered with {sender}")
        answer = smtp.command("STARTTLS")
        if not answer.accepted:
            return passed("begins no TLS inside a transaction", f"STARTTLS → {answer}")
        wire.start_tls(any_tls(), port.host)
        reply = smtp.command(f"RCPT TO:{recipient}")
    except ConversationError as error:
        return untested(f"could not be tested: {error.message}")
    finally:
        wire.close()
    said = ("MAIL FROM:<> → 250", "STARTTLS → 220", f"RCPT TO:{recipient} → {reply}")
    if reply.accepted:
        return failed("goes on inside TLS with a transaction from before", *said)
    return passed("forgets a transaction from before TLS", *said)
