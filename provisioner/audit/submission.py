"""Ports 587 and 465 as a mail program sees them before it logs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from provisioner.audit import mechanisms
from provisioner.audit.disclosure import judge_disclosure
from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.server_port import ServerPort, any_tls
from provisioner.audit.smtp_reply import Ground, ground
from provisioner.audit.smtp_talk import made_up
from provisioner.audit.verdict import Verdict, failed, judge, passed, skipped, untested
from provisioner.mail.smtp import Reply, Smtp
from provisioner.mail.tls_stream import TlsFacts
from provisioner.mail.wire import ConversationError, Trouble

PROGRAM = "[192.0.2.1]"
"""What mail programs call themselves: an address, often of a private network (RFC 5321 §4.1.4)."""


@dataclass(frozen=True, slots=True)
class SubmissionTalk:
    """Every answer; None is what was not asked, `trouble` says why."""

    implicit: bool
    greeting: Reply | None = None
    literal_hello: Reply | None = None
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    starttls: TlsFacts | Reply | str | None = None
    after: Mapping[str, tuple[str, ...]] | None = None
    sender: Reply | None = None
    """MAIL FROM without a login."""
    recipient: Reply | None = None
    """RCPT TO postmaster of the server's own domain, without a login."""
    others: tuple[Reply, ...] = ()
    """RCPT TO abuse there, and to an address that nobody has, where postmaster's was taken."""
    domain: str = ""
    trouble: str = ""
    unreachable: bool = False
    silent: bool = False
    """Whether TLS failed because no answer came in time, which says nothing of what would have come."""
    transcript: tuple[str, ...] = ()


def talk_submission(port: ServerPort, domain: str) -> SubmissionTalk:
    """Hold the conversation up to where a login would come. Never raises for what a server does."""
    talk = SubmissionTalk(port.implicit_tls, domain=domain)
    try:
        smtp = Smtp(port.connect())
    except ConversationError as error:
        lost, silent = (error.trouble is kind for kind in (Trouble.UNREACHABLE, Trouble.SILENT))
        return replace(talk, trouble=error.message, unreachable=lost, silent=silent)
    steps = _Steps(port, smtp, replace(talk, starttls=smtp.wire.tls))
    try:
        steps.run()
    except ConversationError as error:
        steps.talk = replace(steps.talk, trouble=error.message)
    finally:
        smtp.wire.close()
    return replace(steps.talk, transcript=tuple(smtp.wire.transcript))


class _Steps:
    """The conversation under way; `talk` grows."""

    def __init__(self, port: ServerPort, smtp: Smtp, talk: SubmissionTalk) -> None:
        self.port, self.smtp, self.talk = port, smtp, talk

    def run(self) -> None:
        greeting = self.smtp.read_reply()
        self.talk = replace(self.talk, greeting=greeting)
        if not greeting.accepted:
            self.talk = replace(self.talk, trouble=f"the greeting was {greeting}")
            return
        literal = self.smtp.hello(PROGRAM)
        self.talk = replace(self.talk, literal_hello=literal)
        if not literal.accepted and not self._hello():
            return
        if self.port.implicit_tls:
            self.talk = replace(self.talk, after=dict(self.smtp.extensions))
        elif not self._turn_to_tls():
            return
        self._send_without_login()
        self.smtp.quit()

    def _hello(self) -> bool:
        hello = self.smtp.hello(self.port.helo_name)
        if not hello.accepted:
            self.talk = replace(self.talk, trouble=f"EHLO was answered with {hello}")
        return hello.accepted

    def _turn_to_tls(self) -> bool:
        self.talk = replace(self.talk, before=dict(self.smtp.extensions))
        if "STARTTLS" not in self.smtp.extensions:
            self.talk = replace(self.talk, trouble="no STARTTLS")
            return False
        try:
            answer: TlsFacts | Reply | str = self.smtp.starttls(any_tls(), self.port.host)
        except ConversationError as error:
            answer = error.message
            self.talk = replace(self.talk, silent=error.trouble is Trouble.SILENT)
        self.talk = replace(self.talk, starttls=answer)
        if not isinstance(answer, TlsFacts):
            self.talk = replace(self.talk, trouble=f"no TLS: {answer}")
            return False
        if not self._hello():
            return False
        self.talk = replace(self.talk, after=dict(self.smtp.extensions))
        return True

    def _send_without_login(self) -> None:
        if not self.talk.domain:
            return
        address = f"postmaster@{self.talk.domain}"
        self.talk = replace(self.talk, sender=self.smtp.mail_from(address))
        if self.talk.sender is not None and self.talk.sender.accepted:
            self.talk = replace(self.talk, recipient=self.smtp.rcpt_to(address))
            if self.talk.recipient is not None and self.talk.recipient.accepted:
                # Debian's Exim takes mail for postmaster from everybody before any other rule.
                names = ("abuse", made_up())
                others = tuple(self.smtp.rcpt_to(f"{name}@{self.talk.domain}") for name in names)
                self.talk = replace(self.talk, others=others)
            self.smtp.rset()


def _answers(talk: SubmissionTalk) -> Verdict:
    if talk.unreachable:
        return untested(f"does not answer: {talk.trouble}")
    if talk.greeting is None:
        return failed(f"gives no greeting: {talk.trouble}")
    if not talk.greeting.accepted:
        return failed(f"turns away with {talk.greeting}", *talk.greeting.lines)
    return passed("greets", str(talk.greeting))


def _tls(talk: SubmissionTalk) -> Verdict | None:
    if isinstance(talk.starttls, TlsFacts):
        return passed(f"speaks {talk.starttls.version}")
    if talk.silent:
        return untested(f"does not come to TLS in time: {talk.trouble.removeprefix('no TLS: ')}")
    if talk.implicit:
        return None if talk.unreachable else failed(f"speaks no TLS: {talk.trouble}")
    if talk.literal_hello is None:
        return None
    if talk.starttls is None:
        if "STARTTLS" in talk.before or talk.trouble != "no STARTTLS":
            return None
        return failed("offers no STARTTLS", f"250 {' '.join(talk.before)}")
    return failed(f"offers STARTTLS and can't do it: {talk.starttls}")


def _before_tls(talk: SubmissionTalk) -> Verdict | None:
    if talk.implicit:
        return skipped("nothing is said before TLS here")
    if talk.literal_hello is None:
        return None
    names = talk.before.get("AUTH", ())
    return mechanisms.before_tls(names, *([f"250-AUTH {' '.join(names)}"] if names else []))


def _offered(talk: SubmissionTalk) -> Verdict | None:
    return None if talk.after is None else mechanisms.offered(talk.after.get("AUTH", ()))


def _weak(talk: SubmissionTalk) -> Verdict | None:
    if talk.after is None:
        return None
    names = tuple(dict.fromkeys((*talk.before.get("AUTH", ()), *talk.after.get("AUTH", ()))))
    return mechanisms.weak(names, f"250-AUTH {' '.join(names)}")


def _login_required(talk: SubmissionTalk) -> Verdict | None:
    if not talk.domain:
        return skipped("no mail domain is known for it")
    if talk.sender is None:
        return None
    address = f"postmaster@{talk.domain}"
    said = [f"MAIL FROM:<{address}> → {talk.sender}"]
    if talk.recipient is not None:
        said.append(f"RCPT TO:<{address}> → {talk.recipient}")
    last = talk.recipient or talk.sender
    wanted = [reply for reply in talk.others if ground(reply) is Ground.LOGIN and not reply.accepted]
    if last.accepted and wanted:
        said.append(f"RCPT TO another → {wanted[0]}")
        return passed("takes mail without a login for postmaster alone", *said)
    if last.accepted:
        return failed("takes mail for its own people without a login", *said)
    if last.refused:
        return passed("takes no mail without a login", *said)
    return untested(f"mail without a login was put off: {last}", *said)


def _ehlo_literal(talk: SubmissionTalk) -> Verdict | None:
    reply = talk.literal_hello
    if reply is None:
        return None
    said = f"EHLO {PROGRAM} → {reply}"
    if reply.accepted:
        return passed("takes the name that mail programs give", said)
    return failed(f"turns mail programs away: {reply}", said)


def _software(talk: SubmissionTalk) -> Verdict | None:
    return None if talk.greeting is None else judge_disclosure(talk.greeting.lines)


_JUDGEMENTS: dict[Check, Callable[[SubmissionTalk], Verdict | None]] = {
    Check(
        "submission.answers",
        Severity.HIGH,
        "The submission port greets",
        "People can't send where nobody answers.",
        "Postfix: the submission and submissions lines of master.cf. Exim: daemon_smtp_ports = 25 : "
        "465 : 587, tls_on_connect_ports = 465. OpenSMTPD: `listen on … port 587`, `smtps`. Both "
        "ports in the firewall.",
        "RFC 6409 §3.1; RFC 8314 §3.3",
    ): _answers,
    Check(
        "submission.tls",
        Severity.CRITICAL,
        "TLS works on the submission port",
        "Without it, passwords and messages cross the network in clear text.",
        "Postfix, master.cf: -o smtpd_tls_security_level=encrypt (587), -o smtpd_tls_wrappermode=yes (465). "
        "Exim: tls_certificate, tls_privatekey, tls_on_connect_ports = 465. OpenSMTPD: `tls-require` (587), "
        "`smtps` (465), with `pki`.",
        "RFC 8314 §3.3; RFC 3207",
    ): _tls,
    Check(
        "submission.login-before-tls",
        Severity.HIGH,
        "No login is offered before TLS",
        "A mail program that takes the offer sends its password in clear text.",
        "Postfix: smtpd_tls_auth_only = yes. Exim: auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}.",
        "RFC 4954 §4; RFC 8314 §3",
    ): _before_tls,
    Check(
        "submission.login-offered",
        Severity.HIGH,
        "A login is offered inside TLS",
        "Without one nobody can send, or everybody can.",
        "Postfix, master.cf: -o smtpd_sasl_auth_enable=yes; smtpd_sasl_type = dovecot and smtpd_sasl_path. "
        "Exim: an authenticator with server_condition. OpenSMTPD: `auth` in the port's `listen on`.",
        "RFC 6409 §4.3; RFC 4954",
    ): _offered,
    Check(
        "submission.mechanisms",
        Severity.MEDIUM,
        "No outdated login mechanism is offered",
        "Old mechanisms add nothing inside TLS and need passwords stored so that they can be read.",
        "Dovecot: auth_mechanisms = plain login (scram-sha-256 where programs can).",
        "RFC 6331; RFC 8314; RFC 7677",
    ): _weak,
    Check(
        "submission.login-required",
        Severity.MEDIUM,
        "No mail is taken without a login",
        "Mail that comes in here passes the filters of port 25 by.",
        "Postfix, master.cf: -o smtpd_client_restrictions=permit_sasl_authenticated,reject. Exim, in "
        "acl_smtp_rcpt: deny !authenticated = * where $received_port is 587 or 465. OpenSMTPD: `auth`, not "
        "`auth-optional`.",
        "RFC 6409 §4.3",
    ): _login_required,
    Check(
        "submission.ehlo-literal",
        Severity.MEDIUM,
        "Mail programs may introduce themselves by address",
        "Programs have no host name to give; a server that asks for one turns people away.",
        "Postfix, master.cf: -o smtpd_helo_restrictions= for submission and submissions. Exim: no "
        "helo_verify_hosts, no acl_smtp_helo there.",
        "RFC 5321 §4.1.4; RFC 6409 §4.2",
    ): _ehlo_literal,
    Check(
        "submission.banner-software",
        Severity.INFO,
        "The greeting tells no version",
        "Who looks for servers with a known hole reads greetings first.",
        "Postfix: smtpd_banner = $myhostname ESMTP. Exim: smtp_banner = $smtp_active_hostname ESMTP.",
        "CIS Controls 4.1; Postfix smtpd_banner",
    ): _software,
}

CHECKS = tuple(_JUDGEMENTS)
INTRUSIVE: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class SubmissionAudit:
    """The findings about a port 587 or 465, and the conversation."""

    findings: tuple[Finding, ...]
    talk: SubmissionTalk


def audit_submission(port: ServerPort, domain: str) -> SubmissionAudit:
    """Judge 587 or (with `port.implicit_tls`) 465 in one conversation, without logging in."""
    talk = talk_submission(port, domain)
    return SubmissionAudit(judge(_JUDGEMENTS, talk, port.subject, talk.trouble), talk)
