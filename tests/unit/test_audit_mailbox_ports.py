"""What the audit makes of submission, IMAP, POP3 and ManageSieve before a login."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from provisioner.audit import mailbox, submission
from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.mailbox import Mailbox, audit_mailbox
from provisioner.audit.submission import audit_submission
from tests.unit.audited_server import GREETING, RawServer, finding, hello, outcomes, port_of, port_to, sound
from tests.unit.mail_server import Answer, MailServer, make_certificate


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "tls.pem"
    make_certificate(path, "mx1.example.test")
    return path


def submission_answers(
    line: str, inside: bool, before: str = "STARTTLS", after: str = "AUTH PLAIN LOGIN", rcpt: str = ""
) -> Answer:
    if line.startswith("EHLO"):
        return hello("SIZE 52428800", after if inside else before)
    if line.startswith("MAIL"):
        return "250 ok" if rcpt else "530 5.7.0 Authentication required"
    return rcpt if line.startswith("RCPT") else sound(line, inside)


def submit(
    tls: Path, *, implicit: bool = False, domain: str = "example.test", **changes: str
) -> tuple[Finding, ...]:
    server = MailServer(
        GREETING, lambda line, inside: submission_answers(line, inside, **changes), tls=tls, implicit=implicit
    )
    return audit_submission(port_of(server, 465 if implicit else 587, implicit_tls=implicit), domain).findings


@pytest.mark.parametrize("implicit", [False, True])
def test_a_sound_submission_port_passes(tls: Path, implicit: bool) -> None:
    found = outcomes(submit(tls, implicit=implicit))
    if implicit:
        assert found["submission.login-before-tls"] == Outcome.SKIPPED
        found = {**found, "submission.login-before-tls": Outcome.PASS}
    assert found == {check.id: Outcome.PASS for check in submission.CHECKS}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("550 Authentication required", Outcome.PASS),
        ("550 5.1.1 no such user", Outcome.FAIL),
        ("250 ok", Outcome.FAIL),
    ],
)
def test_mail_for_postmaster_alone_may_need_no_login(tls: Path, answer: str, outcome: Outcome) -> None:
    """As at Debian's Exim, which takes it before any rule of one's own is asked."""

    def answers(line: str, inside: bool) -> Answer:
        if line.startswith("RCPT"):
            return "250 ok" if "postmaster@" in line else answer
        return submission_answers(line, inside, rcpt="250 ok")

    server = MailServer(GREETING, answers, tls=tls)
    found = audit_submission(port_of(server, 587), "example.test").findings
    assert finding(found, "submission.login-required").outcome is outcome


@pytest.mark.parametrize(
    ("check", "changes", "outcome"),
    [
        ("tls", {"before": "SIZE"}, Outcome.FAIL),
        ("login-before-tls", {"before": "STARTTLS\r\n250 AUTH PLAIN"}, Outcome.FAIL),
        ("login-offered", {"after": "SIZE"}, Outcome.FAIL),
        ("mechanisms", {"after": "AUTH PLAIN CRAM-MD5"}, Outcome.WARN),
        ("mechanisms", {"after": "AUTH PLAIN ANONYMOUS"}, Outcome.FAIL),
        ("login-required", {"rcpt": "250 ok"}, Outcome.FAIL),
        ("login-required", {"rcpt": "554 5.7.1 Client host rejected: Access denied"}, Outcome.PASS),
        ("login-required", {"rcpt": "450 4.7.1 later"}, Outcome.ERROR),
    ],
)
def test_each_fault_of_a_submission_port(
    tls: Path, check: str, changes: dict[str, str], outcome: Outcome
) -> None:
    before = changes.pop("before", "STARTTLS") if "before" in changes else "STARTTLS"

    def answers(line: str, inside: bool) -> Answer:
        if line.startswith("EHLO") and not inside:
            return hello(*before.replace("250 ", "").split("\r\n"))
        return submission_answers(line, inside, **changes)

    server = MailServer(GREETING, answers, tls=tls)
    found = audit_submission(port_of(server, 587), "example.test").findings
    assert outcomes(found)[f"submission.{check}"] == outcome


def test_a_server_that_wants_a_host_name_of_mail_programs_turns_them_away(tls: Path) -> None:
    def answers(line: str, inside: bool) -> Answer:
        strict = line == "EHLO [192.0.2.1]" and not inside
        return "504 5.5.2 need fully-qualified hostname" if strict else submission_answers(line, inside)

    server = MailServer(GREETING, answers, tls=tls)
    port = port_to(lambda: server.open(587), 587)
    found = audit_submission(port, "example.test").findings
    assert finding(found, "submission.ehlo-literal").outcome == Outcome.FAIL


def test_a_port_465_that_speaks_clear_text_fails(tls: Path) -> None:
    def clear(connection: socket.socket) -> None:
        connection.sendall(f"{GREETING}\r\n".encode())
        connection.recv(4096)

    port = port_to(RawServer(clear).open, 465, implicit_tls=True)
    found = audit_submission(port, "example.test").findings
    assert finding(found, "submission.tls").outcome == Outcome.FAIL
    assert "plain text: 220 mx1" in finding(found, "submission.tls").summary


def test_a_submission_port_that_is_closed_says_nothing() -> None:
    def refuse() -> socket.socket:
        raise ConnectionRefusedError(111, "Connection refused")

    found = outcomes(audit_submission(port_to(refuse, 587), "example.test").findings)
    assert found.pop("submission.login-before-tls") == Outcome.ERROR
    assert set(found.values()) == {Outcome.ERROR}


class Script:
    """A sound mailbox server of each protocol; its parts may be exchanged."""

    def __init__(self, area: Mailbox, *, before: str, after: str, greeting: str = "") -> None:
        self.area, self.before, self.after = area, before, after
        self.greeting = greeting or {"imap": "* OK ready", "pop3": "+OK ready"}.get(area, "")

    def listing(self, inside: bool, tag: str = "") -> list[str]:
        said = self.after if inside else self.before
        if self.area == Mailbox.IMAP:
            return [f"* CAPABILITY IMAP4rev1 {said}", f"{tag} OK done"]
        lines = [line for line in said.split(", ") if line]
        return ["+OK", *lines, "."] if self.area == Mailbox.POP3 else [*lines, 'OK "ready"']

    def answer(self, line: str, inside: bool) -> Answer:
        tag, _, command = line.partition(" ")
        if self.area != Mailbox.IMAP:
            command = line
        if command in ("CAPABILITY", "CAPA"):
            return self.listing(inside, tag)
        if command in ("STARTTLS", "STLS"):
            ok = {"imap": f"{tag} OK begin", "pop3": "+OK begin", "managesieve": 'OK "begin"'}
            return f"STARTTLS:{ok[self.area]}"
        if command in ("LOGOUT", "QUIT"):
            return {"imap": ["* BYE", f"{tag} OK bye"], "pop3": "+OK bye"}.get(self.area, 'OK "bye"')
        return None

    def server(self, tls: Path, *, implicit: bool = False) -> MailServer:
        sieve = self.area == Mailbox.MANAGESIEVE
        greeting: Answer = self.listing(implicit) if sieve else self.greeting
        after: Answer = self.listing(True) if sieve else ()
        return MailServer(greeting, self.answer, tls=tls, implicit=implicit, after_tls=after)


SOUND = {
    Mailbox.IMAP: ("STARTTLS LOGINDISABLED", "AUTH=PLAIN AUTH=LOGIN"),
    Mailbox.POP3: ("STLS, SASL", "USER, SASL PLAIN"),
    Mailbox.MANAGESIEVE: ('"SASL" "", "STARTTLS"', '"IMPLEMENTATION" "Dovecot Pigeonhole", "SASL" "PLAIN"'),
}


@pytest.mark.parametrize("area", Mailbox)
@pytest.mark.parametrize("implicit", [False, True])
def test_a_sound_mailbox_port_passes(tls: Path, area: Mailbox, implicit: bool) -> None:
    before, after = SOUND[area]
    server = Script(area, before=before, after=after).server(tls, implicit=implicit)
    found = outcomes(audit_mailbox(port_of(server, implicit_tls=implicit), area).findings)
    wanted = {check.id: Outcome.PASS for check in mailbox.CHECKS if check.area == area}
    if implicit:
        wanted[f"{area}.login-before-tls"] = Outcome.SKIPPED
    assert found == wanted
    assert server.connections == 1


FAULTS = [
    (Mailbox.IMAP, "tls", "LOGINDISABLED", "AUTH=PLAIN", Outcome.FAIL),
    (Mailbox.IMAP, "login-before-tls", "STARTTLS AUTH=PLAIN LOGINDISABLED", "AUTH=PLAIN", Outcome.FAIL),
    (Mailbox.IMAP, "login-before-tls", "STARTTLS", "AUTH=PLAIN", Outcome.FAIL),
    (Mailbox.IMAP, "login-before-tls", "STARTTLS LOGINDISABLED AUTH=SCRAM-SHA-256", "", Outcome.WARN),
    (Mailbox.IMAP, "login-offered", "STARTTLS LOGINDISABLED", "LOGINDISABLED", Outcome.FAIL),
    (Mailbox.IMAP, "mechanisms", "STARTTLS LOGINDISABLED", "AUTH=DIGEST-MD5", Outcome.WARN),
    (Mailbox.POP3, "tls", "SASL", "USER", Outcome.FAIL),
    (Mailbox.POP3, "login-before-tls", "STLS, USER", "USER", Outcome.FAIL),
    (Mailbox.POP3, "login-before-tls", "STLS, SASL PLAIN", "USER", Outcome.FAIL),
    (Mailbox.POP3, "login-offered", "STLS", "TOP", Outcome.FAIL),
    (Mailbox.MANAGESIEVE, "tls", '"SASL" ""', "", Outcome.FAIL),
    (Mailbox.MANAGESIEVE, "login-before-tls", '"SASL" "PLAIN", "STARTTLS"', '"SASL" "PLAIN"', Outcome.FAIL),
    (Mailbox.MANAGESIEVE, "banner-software", '"SASL" "", "STARTTLS"', '"IMPLEMENTATION" "Cyrus 3.6.1"',
     Outcome.WARN),
]  # fmt: skip


@pytest.mark.parametrize(("area", "check", "before", "after", "outcome"), FAULTS)
def test_each_fault_of_a_mailbox_port(
    tls: Path, area: Mailbox, check: str, before: str, after: str, outcome: Outcome
) -> None:
    server = Script(area, before=before, after=after).server(tls)
    found = audit_mailbox(port_of(server), area).findings
    assert outcomes(found)[f"{area}.{check}"] == outcome


@pytest.mark.parametrize("offered", ["STARTTLS", "LITERAL+"])
def test_a_greeting_as_logged_in_is_critical_and_makes_tls_impossible(tls: Path, offered: str) -> None:
    script = Script(Mailbox.IMAP, before=offered, after="", greeting="* PREAUTH welcome")
    found = audit_mailbox(port_of(script.server(tls)), Mailbox.IMAP).findings
    preauth = finding(found, "imap.preauth")
    assert (preauth.outcome, preauth.weight) == (Outcome.FAIL, Severity.CRITICAL)
    no_tls = finding(found, "imap.tls")
    assert (no_tls.outcome, no_tls.summary) == (
        Outcome.FAIL,
        "greets as logged in, after which TLS can't begin",
    )


@pytest.mark.parametrize(("implicit", "check"), [(False, "login-before-tls"), (True, "login-offered")])
def test_who_is_greeted_as_logged_in_is_offered_no_login(tls: Path, implicit: bool, check: str) -> None:
    script = Script(Mailbox.IMAP, before="LITERAL+", after="LITERAL+", greeting="* PREAUTH welcome")
    port = port_of(script.server(tls, implicit=implicit), implicit_tls=implicit)
    found = finding(audit_mailbox(port, Mailbox.IMAP).findings, f"imap.{check}")
    assert found.outcome == Outcome.SKIPPED
    assert found.summary == "greets as logged in: no login is left to offer"


def test_the_words_of_a_tagged_answer_are_no_capabilities(tls: Path) -> None:
    """Dovecot ends the list so inside a session; only a code in brackets is a list (RFC 9051 §7.1)."""

    def answer(line: str, inside: bool) -> Answer:
        tag = line.partition(" ")[0]
        return ["* CAPABILITY IMAP4rev1 LITERAL+", f"{tag} OK Capability completed (0.001 + 0.000 secs)."]

    server = MailServer("* PREAUTH [CAPABILITY IMAP4rev1] Logged in as nobody", answer, tls=tls)
    assert audit_mailbox(port_of(server), Mailbox.IMAP).talk.before == ("IMAP4REV1", "LITERAL+")


def test_capabilities_in_the_code_of_an_answer_are_taken(tls: Path) -> None:
    def answer(line: str, inside: bool) -> Answer:
        return f"{line.partition(' ')[0]} OK [CAPABILITY IMAP4rev1 LOGINDISABLED] done"

    talk = audit_mailbox(port_of(MailServer("* OK ready", answer, tls=tls)), Mailbox.IMAP).talk
    assert talk.before == ("IMAP4REV1", "LOGINDISABLED")


def test_apop_in_the_greeting_is_an_outdated_mechanism(tls: Path) -> None:
    script = Script(
        Mailbox.POP3, before="STLS", after="USER", greeting="+OK ready <1896.69@mx1.example.test>"
    )
    found = audit_mailbox(port_of(script.server(tls)), Mailbox.POP3).findings
    assert finding(found, "pop3.mechanisms").outcome == Outcome.WARN


@pytest.mark.parametrize("implicit", [False, True])
def test_a_port_that_does_not_come_to_tls_in_time_is_not_said_to_have_none(implicit: bool) -> None:
    def imap(connection: socket.socket) -> None:
        if not implicit:
            connection.sendall(b"* OK ready\r\n")
            connection.recv(100)
            connection.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\np1 OK done\r\n")
            connection.recv(100)
            connection.sendall(b"p2 OK begin\r\n")
        while connection.recv(4096):
            pass

    def smtp(connection: socket.socket) -> None:
        if not implicit:
            connection.sendall(f"{GREETING}\r\n".encode())
            connection.recv(100)
            connection.sendall(b"250-mx1.example.test\r\n250 STARTTLS\r\n")
            connection.recv(100)
            connection.sendall(b"220 go ahead\r\n")
        while connection.recv(4096):
            pass

    read = audit_mailbox(port_to(RawServer(imap).open, 143, implicit_tls=implicit, wait=0.5), Mailbox.IMAP)
    sent = audit_submission(port_to(RawServer(smtp).open, 587, implicit_tls=implicit, wait=0.5), "")
    for found in (finding(read.findings, "imap.tls"), finding(sent.findings, "submission.tls")):
        assert found.outcome == Outcome.ERROR
        assert "does not come to TLS in time" in found.summary


def literal_bomb(connection: socket.socket) -> None:
    connection.sendall(b"* OK ready\r\n")
    connection.recv(100)
    connection.sendall(b"* X {999999999}\r\n")
    connection.recv(1)


def babble(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"* OK x\r\n" * 500)


def silence(connection: socket.socket) -> None:
    connection.recv(1)


@pytest.mark.parametrize("serve", [literal_bomb, babble, silence], ids=lambda serve: serve.__name__)
@pytest.mark.parametrize("area", Mailbox)
def test_a_hostile_server_ends_the_conversation_and_every_check_is_still_listed(area: Mailbox, serve) -> None:  # type: ignore[no-untyped-def]
    found = outcomes(audit_mailbox(port_to(RawServer(serve).open, wait=0.5), area).findings)
    assert len(found) == sum(check.area == area for check in mailbox.CHECKS)
    assert found[f"{area}.answers"] == Outcome.FAIL
    assert found[f"{area}.login-offered"] == Outcome.ERROR
