"""IMAP, POP3 and ManageSieve: TLS, no login before it, and what is offered inside.

The questions are the same for the three; the ids differ by area (`imap.starttls`, `pop3.starttls`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.audit import mechanisms
from provisioner.audit.disclosure import judge_disclosure
from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.mailbox_talk import Mailbox as Mailbox  # for callers
from provisioner.audit.mailbox_talk import MailboxTalk, talk_mailbox
from provisioner.audit.server_port import ServerPort
from provisioner.audit.verdict import Verdict, failed, judge, passed, skipped, untested
from provisioner.mail.tls_stream import TlsFacts

Judgement = Callable[[MailboxTalk], Verdict | None]

_NAMES = {Mailbox.IMAP: "IMAP", Mailbox.POP3: "POP3", Mailbox.MANAGESIEVE: "ManageSieve"}
_LOGIN_RFC = {
    Mailbox.IMAP: "RFC 9051 §6.2.3, §11.1; RFC 8314 §3",
    Mailbox.POP3: "RFC 2595 §2.1, §4; RFC 8314 §3",
    Mailbox.MANAGESIEVE: "RFC 5804 §1.7, §2.1; RFC 8314 §3",
}
_TLS_RFC = {
    Mailbox.IMAP: "RFC 9051 §6.2.1; RFC 8314 §3.2",
    Mailbox.POP3: "RFC 2595 §4; RFC 8314 §3.1",
    Mailbox.MANAGESIEVE: "RFC 5804 §2.2",
}

# RFC 9051 §6.2: LOGIN and AUTHENTICATE are of the state before a login only.
_LOGGED_IN = skipped("greets as logged in: no login is left to offer")


def _answers(talk: MailboxTalk) -> Verdict:
    if talk.unreachable:
        return untested(f"does not answer: {talk.trouble}")
    if talk.greeting is None:
        return failed(f"gives no greeting: {talk.trouble}")
    if talk.before is None and talk.after is None:
        return failed(f"does not say what it can: {talk.trouble}", talk.greeting)
    return passed("greets and says what it can", talk.greeting)


def _tls(talk: MailboxTalk) -> Verdict | None:
    if isinstance(talk.starttls, TlsFacts):
        return passed(f"speaks {talk.starttls.version}")
    if talk.silent:
        return untested(f"does not come to TLS in time: {talk.trouble.removeprefix('no TLS: ')}")
    if talk.implicit:
        return None if talk.unreachable else failed(f"speaks no TLS: {talk.trouble}")
    if talk.preauth:
        return failed("greets as logged in, after which TLS can't begin", talk.greeting or "")
    if talk.before is None:
        return None
    if not talk.starttls_offered:
        return failed(
            "offers no TLS: what people read, and their passwords, cross in clear text", *talk.before
        )
    return failed(f"offers TLS and can't do it: {talk.starttls}")


def _before_tls(talk: MailboxTalk) -> Verdict | None:
    if talk.implicit:
        return skipped("nothing is said before TLS here")
    if talk.preauth:
        return _LOGGED_IN
    if talk.before is None:
        return None
    return mechanisms.before_tls(talk.mechanisms_before, " ".join(talk.before))


def _preauth(talk: MailboxTalk) -> Verdict | None:
    if talk.greeting is None:
        return None
    if talk.preauth:
        return failed("greets as if everybody were logged in", talk.greeting)
    return passed("greets as not logged in", talk.greeting)


def _offered(talk: MailboxTalk) -> Verdict | None:
    if talk.preauth:
        return _LOGGED_IN
    return None if talk.after is None else mechanisms.offered(talk.mechanisms, " ".join(talk.after))


def _weak(talk: MailboxTalk) -> Verdict | None:
    if talk.after is None:
        return None
    return mechanisms.weak((*talk.mechanisms_before, *talk.mechanisms), " ".join(talk.after))


def _software(talk: MailboxTalk) -> Verdict | None:
    if talk.greeting is None:
        return None
    told = [line for line in (talk.after or talk.before or ()) if "IMPLEMENTATION" in line.upper()]
    return judge_disclosure((talk.greeting, *told))


def _judgements(area: Mailbox) -> dict[Check, Judgement]:
    name = _NAMES[area]
    found: dict[Check, Judgement] = {
        Check(
            f"{area}.answers",
            Severity.HIGH,
            f"{name} greets and lists what it can",
            "People can't read their mail where nobody answers.",
            f"Dovecot: protocols holds {'sieve' if area == Mailbox.MANAGESIEVE else area}; "
            f"doveconf -n shows the listener of service {area}-login.",
            _TLS_RFC[area],
        ): _answers,
        Check(
            f"{area}.tls",
            Severity.CRITICAL,
            f"TLS works for {name}",
            "Without it, passwords and mail cross the network in clear text.",
            "Dovecot: ssl = required, with ssl_cert and ssl_key (2.4: ssl_server_cert_file and _key_file).",
            _TLS_RFC[area],
        ): _tls,
        Check(
            f"{area}.login-before-tls",
            Severity.HIGH,
            f"{name} offers no login before TLS",
            "A mail program that takes the offer sends its password in clear text.",
            "Dovecot: disable_plaintext_auth = yes (2.4: auth_allow_cleartext = no), ssl = required.",
            _LOGIN_RFC[area],
        ): _before_tls,
        Check(
            f"{area}.login-offered",
            Severity.HIGH,
            f"{name} offers a login inside TLS",
            "Without one nobody can read their mail.",
            "Dovecot: auth_mechanisms = plain login, and no login_trusted_networks trick in between.",
            _LOGIN_RFC[area],
        ): _offered,
        Check(
            f"{area}.mechanisms",
            Severity.MEDIUM,
            f"{name} offers no outdated login mechanism",
            "Old mechanisms add nothing inside TLS and need passwords stored so that they can be read.",
            "Dovecot: auth_mechanisms = plain login (scram-sha-256 where programs can).",
            "RFC 6331; RFC 8314; RFC 7677",
        ): _weak,
        Check(
            f"{area}.banner-software",
            Severity.INFO,
            f"{name} tells no version",
            "Who looks for servers with a known hole reads greetings first.",
            "Dovecot: login_greeting = ready.",
            "CIS Controls 4.1; Dovecot login_greeting",
        ): _software,
    }
    if area == Mailbox.IMAP:
        preauth = Check(
            "imap.preauth",
            Severity.CRITICAL,
            "IMAP does not greet as logged in",
            "After PREAUTH a program can't begin TLS; somebody in between uses that, or the mailbox is open.",
            "Dovecot's imap-login never does this: look for a proxy, or an imap started by inetd.",
            "RFC 9051 §7.1.4, §11.1; NO STARTTLS (USENIX Security 2021)",
        )
        found[preauth] = _preauth
    return found


_JUDGEMENTS = {area: _judgements(area) for area in Mailbox}

CHECKS = tuple(check for judgements in _JUDGEMENTS.values() for check in judgements)
INTRUSIVE: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxAudit:
    """The findings about one port, and the conversation."""

    findings: tuple[Finding, ...]
    talk: MailboxTalk


def audit_mailbox(port: ServerPort, protocol: Mailbox) -> MailboxAudit:
    """Judge 143, 110 or 4190, or (with `port.implicit_tls`) 993 or 995, in one conversation."""
    talk = talk_mailbox(port, protocol)
    return MailboxAudit(judge(_JUDGEMENTS[protocol], talk, port.subject, talk.trouble), talk)
