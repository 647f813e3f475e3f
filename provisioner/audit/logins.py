"""What a server's answers to wrong logins give away. Intrusive: these are failed logins in its log.

Two questions. With a made-up login before TLS: is it processed, although none is offered? With an
address that exists: do answers or their timing differ from those to an address that nobody has?
No more than six wrong passwords are tried, three of them for the user that was named.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.server_port import Allowance, ServerPort, any_tls
from provisioner.audit.smtp_session import greeted, turned_to_tls
from provisioner.audit.smtp_talk import made_up
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested, warned
from provisioner.mail.imap import Imap
from provisioner.mail.managesieve import ManageSieve
from provisioner.mail.pop3 import Pop3
from provisioner.mail.tls_stream import TlsFacts
from provisioner.mail.wire import ConversationError, Trouble, Wire

GAP = 0.3
"""Seconds by which every answer to one kind must be later than every answer to the other."""
SECONDS = 30.0
"""Most that the wrong logins at one port take together: servers answer them slowly on purpose."""
HUNG_UP = "(the server hung up)"
"""Stands for an answer where the server closed the connection at the login, and not before."""

_NAMES = {"submission": "Submission", "imap": "IMAP", "pop3": "POP3", "managesieve": "ManageSieve"}

CLEARTEXT = {
    area: Check(
        f"{area}.cleartext-login",
        Severity.HIGH,
        f"{name} processes no login before TLS",
        "A program set to no encryption logs in all the same, and its password crosses in clear text. "
        "That none is offered does not keep it from trying.",
        "Dovecot: disable_plaintext_auth = yes (2.4: auth_allow_cleartext = no). "
        "Postfix: smtpd_tls_auth_only = yes. Exim: server_advertise_condition in each authenticator.",
        "RFC 8314 §3; RFC 9051 §11.1; RFC 4954 §4",
    )
    for area, name in _NAMES.items()
}
ENUMERATION = {
    area: Check(
        f"{area}.user-enumeration",
        Severity.MEDIUM,
        f"{name} answers a wrong login alike, whether or not the user exists",
        "Who knows which users exist guesses passwords for those only.",
        "Dovecot: one passdb for all, auth_failure_delay = 2 secs, no auth_verbose texts to clients.",
        "OWASP ASVS 2.2; CWE-204, CWE-208",
    )
    for area, name in _NAMES.items()
}
CHECKS = (*CLEARTEXT.values(), *ENUMERATION.values())
INTRUSIVE = CHECKS

_TOO_EARLY = re.compile(
    r"\b(tls|ssl|encrypt|secure|clear ?text|plain ?text|disabled|disallowed|not (allowed|enabled|permitted"
    r"|supported|available|implemented)|privacyrequired|unknown|unrecogni[sz]ed)\b",
    re.I,
)

_NEW_EACH_TIME = re.compile(r"\d{4,}|(?![A-Z]+\b)[0-9a-zA-Z+/=_-]{16,}")
"""Numbers, and the ids of sessions; not a response code such as AUTHENTICATIONFAILED (RFC 5530 §3)."""


class _NoLoginError(Exception):
    """No login is offered here."""


@dataclass(frozen=True, slots=True)
class Try:
    """One wrong login: the answer, with names and numbers left out, and how long it took."""

    exists: bool
    answer: str
    seconds: float

    @property
    def put_off(self) -> bool:
        """Whether the server wants it tried later."""
        return self.answer.startswith("4") or "UNAVAILABLE" in self.answer


def audit_cleartext_login(port: ServerPort, area: str) -> tuple[Finding, ...]:
    """Log in before TLS as a user who does not exist. Never raises for what a server does."""
    check = CLEARTEXT[area]
    if port.implicit_tls:
        return (skipped("nothing is said before TLS here").of(check, port.subject),)
    try:
        answer, _ = _log_in(port, area, made_up(), tls=False)
    except _NoLoginError as reason:
        return (passed(f"processes no login before TLS: {reason}").of(check, port.subject),)
    except ConversationError as error:
        return (untested(f"could not be tested: {error.message}").of(check, port.subject),)
    return (judge_cleartext(answer).of(check, port.subject),)


def judge_cleartext(answer: str) -> Verdict:
    """Whether the answer is about the moment (before TLS), or about the password."""
    said = f"login before TLS → {answer}"
    if answer == HUNG_UP:
        return passed("hangs up at a login before TLS", said)
    if answer.startswith(("530", "538", "50", "534")) or _TOO_EARLY.search(answer):
        return passed("processes no login before TLS", said)
    if answer.startswith(("421", "4")):
        return untested(f"could not be tested: {answer}", said)
    return failed("processes a login before TLS, though it may offer none", said)


def audit_user_enumeration(port: ServerPort, area: str, user: str) -> tuple[Finding, ...]:
    """Compare wrong logins of `user`, who exists, with those of users who don't."""
    check = ENUMERATION[area]
    other = f"{made_up()}@{user.rpartition('@')[2]}" if "@" in user else made_up()
    tries: list[Try] = []
    allowance = Allowance(SECONDS)
    try:
        for exists in (True, False, False, True, False, True):
            # Two of each; chance would part their times in one run of three, so then once more.
            if len(tries) == 4 and _gap(tries) <= GAP:
                break
            seconds = allowance.left(port.seconds)
            tries.append(_timed(port, area, user if exists else other, exists, seconds))
            if tries[-1].put_off:
                break
    except _NoLoginError as reason:
        return (skipped(f"no login to try: {reason}").of(check, port.subject),)
    except ConversationError as error:
        if len(tries) < 2:
            # Servers make each wrong login from one address wait longer, on all their ports together.
            return (untested(f"could not be tested, wrong logins: {error.message}").of(check, port.subject),)
    return (judge_tries(tuple(tries)).of(check, port.subject),)


def judge_tries(tries: tuple[Try, ...]) -> Verdict:
    """Whether answers, or their timing, tell users from others."""
    said = tuple(f"{'the user' if t.exists else 'nobody'}: {t.answer} after {t.seconds:.2f} s" for t in tries)
    if any("OK" in t.answer.split()[:1] or t.answer.startswith(("+OK", "235")) for t in tries):
        return failed("a made-up password was taken", *said, severity=Severity.CRITICAL)
    clear = [t for t in tries if not t.put_off]
    answers = ({t.answer for t in clear if t.exists}, {t.answer for t in clear if not t.exists})
    if not all(answers):
        return untested("could not be tested: the server puts logins off", *said)
    if answers[0].isdisjoint(answers[1]):
        return failed("answers differently where the user exists", *said)
    if len(clear) < 4:
        # Dovecot slows down whoever fails again and again (auth_penalty), and that is right.
        return passed("answers alike, and slows down too much for the times to be compared", *said)
    if _gap(clear) > GAP:
        if _gap(clear) <= _scatter(clear):
            return passed("answers alike, at times that scatter too much to tell users from others", *said)
        return warned("takes another time to answer where the user exists", *said)
    return passed("answers alike whether or not the user exists", *said)


def _gap(tries: list[Try]) -> float:
    known = [t.seconds for t in tries if t.exists]
    unknown = [t.seconds for t in tries if not t.exists]
    return max(min(known) - max(unknown), min(unknown) - max(known))


def _scatter(tries: list[Try]) -> float:
    """Seconds by which answers to one kind differ among themselves, as those of a busy server do."""
    kinds = [[t.seconds for t in tries if t.exists is exists] for exists in (True, False)]
    return max(max(kind) - min(kind) for kind in kinds)


def _timed(port: ServerPort, area: str, user: str, exists: bool, seconds: float) -> Try:
    answer, took = _log_in(port, area, user, tls=True, seconds=seconds)
    answer = re.sub(re.escape(user), "USER", answer, flags=re.I)
    return Try(exists, _NEW_EACH_TIME.sub("…", answer), took)


def _log_in(
    port: ServerPort, area: str, user: str, *, tls: bool, seconds: float | None = None
) -> tuple[str, float]:
    """The answer to a login with a made-up password, on a connection of its own, and after how many seconds.

    Connection and handshake don't count: a busy server or our own limits may hold them up.

    With `seconds` an answer may take that long, else as long as the port allows.
    """
    wire = port.connect(seconds=seconds, wait=seconds)
    try:
        ready = {"submission": _smtp, "imap": _imap, "pop3": _pop3, "managesieve": _sieve}[area]
        login = ready(wire, port, user, tls and not port.implicit_tls)
        started = time.monotonic()
        try:
            answer = login()
        except ConversationError as error:
            if error.trouble != Trouble.CLOSED:
                raise
            answer = HUNG_UP
        return answer, time.monotonic() - started
    finally:
        wire.close()


def _password() -> str:
    return f"audit-{secrets.token_hex(8)}"


_Login = Callable[[], str]
"""Says the login, the connection having come to where it is said, and returns the answer."""


def _smtp(wire: Wire, port: ServerPort, user: str, tls: bool) -> _Login:
    smtp = greeted(wire, port.helo_name)
    if tls and "STARTTLS" in smtp.extensions:
        turned_to_tls(smtp, any_tls(), port)
    if (tls or port.implicit_tls) and "PLAIN" not in smtp.mechanisms:
        raise _NoLoginError("AUTH PLAIN is not offered")
    return lambda: str(smtp.login(user, _password()))


def _imap(wire: Wire, port: ServerPort, user: str, tls: bool) -> _Login:
    imap = Imap(wire)
    imap.greeting()
    imap.capability()
    if tls and "STARTTLS" in imap.capabilities:
        _on(imap.starttls(any_tls(), port.host))
    return lambda: imap.login(user, _password()).tagged


def _pop3(wire: Wire, port: ServerPort, user: str, tls: bool) -> _Login:
    pop3 = Pop3(wire)
    pop3.greeting()
    pop3.capa()
    if tls and "STLS" in pop3.capabilities:
        _on(pop3.starttls(any_tls(), port.host))
    return lambda: pop3.login(user, _password())


def _sieve(wire: Wire, port: ServerPort, user: str, tls: bool) -> _Login:
    sieve = ManageSieve(wire)
    sieve.answer()
    if tls and "STARTTLS" in sieve.capabilities:
        _on(sieve.starttls(any_tls(), port.host))
        sieve.answer()
    return lambda: sieve.login(user, _password())


def _on(answer: object) -> None:
    if not isinstance(answer, TlsFacts):
        raise ConversationError(Trouble.TLS, f"no TLS: {answer}")
