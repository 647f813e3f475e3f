"""What the audit makes of port 25: of a sound server, of each fault, and of servers that mean harm."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from provisioner.audit.finding import Outcome, Severity
from provisioner.audit.smtp import CHECKS, SmtpAudit, audit_smtp
from tests.unit.audited_server import (
    EXTENSIONS,
    GREETING,
    RawServer,
    but,
    finding,
    hello,
    outcomes,
    port_of,
    port_to,
    sound,
)
from tests.unit.mail_server import Answer, MailServer, make_certificate


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "tls.pem"
    make_certificate(path, "mx1.example.test")
    return path


def audit(
    tls: Path, *, greeting: str = GREETING, domain: str = "example.test", **answers: Answer
) -> SmtpAudit:
    return audit_smtp(port_of(MailServer(greeting, but(**answers), tls=tls)), domain)


def test_a_sound_server_passes_every_check_in_one_conversation(tls: Path) -> None:
    server = MailServer(GREETING, sound, tls=tls)
    audited = audit_smtp(port_of(server), "example.test")
    assert outcomes(audited.findings) == {check.id: Outcome.PASS for check in CHECKS}
    assert server.connections == 1
    assert not any(line.startswith("DATA") for line in server.heard)


def test_what_was_learnt_is_there_for_others(tls: Path) -> None:
    talk = audit(tls).talk
    assert (talk.banner_name, talk.ehlo_name) == ("mx1.example.test", "mx1.example.test")
    assert talk.tls and "SIZE" in talk.extensions


@pytest.mark.parametrize(
    ("greeting", "outcome", "says"),
    [
        ("220 localhost ESMTP", Outcome.FAIL, "no full host name"),
        ("220 mail.corp.local ESMTP", Outcome.FAIL, "means nothing outside"),
        ("220 ****************", Outcome.FAIL, "masked"),
        ("220", Outcome.FAIL, "no name"),
        ("220 other.example.test ESMTP", Outcome.WARN, "and mx1.example.test in EHLO"),
    ],
)
def test_the_name_in_the_greeting(tls: Path, greeting: str, outcome: Outcome, says: str) -> None:
    found = finding(audit(tls, greeting=greeting).findings, "smtp.banner-name")
    assert found.outcome == outcome
    assert says in found.summary


@pytest.mark.parametrize(
    ("greeting", "outcome"),
    [
        ("220 mx1.example.test ESMTP Postfix (Debian/GNU)", Outcome.WARN),
        ("220 mx1.example.test ESMTP Exim 4.96 Wed, 25 Nov 2026 18:26:47 +0000", Outcome.WARN),
        ("220 mx1.example.test ESMTP OpenSMTPD", Outcome.PASS),
        ("220 mx1.example.test ESMTP on 25.11.2026", Outcome.PASS),
    ],
)
def test_versions_in_the_greeting(tls: Path, greeting: str, outcome: Outcome) -> None:
    assert outcomes(audit(tls, greeting=greeting).findings)["smtp.banner-software"] == outcome


@pytest.mark.parametrize(
    ("check", "keywords", "outcome", "says"),
    [
        ("smtp.starttls", EXTENSIONS, Outcome.FAIL, "no STARTTLS"),
        ("smtp.starttls-stripped", (*EXTENSIONS, "XXXXXXXA"), Outcome.FAIL, "blots out"),
        ("smtp.login-before-tls", (*EXTENSIONS, "AUTH PLAIN LOGIN"), Outcome.FAIL, "before TLS"),
        ("smtp.login-on-25", (*EXTENSIONS, "AUTH=PLAIN"), Outcome.WARN, "other servers"),
        ("smtp.size", ("PIPELINING", "8BITMIME"), Outcome.WARN, "no size limit"),
        ("smtp.size", ("SIZE 0",), Outcome.WARN, "any size"),
        ("smtp.size", ("SIZE 1000000",), Outcome.WARN, "up to 1.0 MB"),
        ("smtp.size", ("SIZE many",), Outcome.WARN, "any size"),
        ("smtp.extensions", ("SIZE 52428800",), Outcome.WARN, "not 8BITMIME and PIPELINING"),
        ("smtp.etrn", (*EXTENSIONS, "ETRN"), Outcome.WARN, "ETRN"),
        ("smtp.starttls-again", (*EXTENSIONS, "STARTTLS"), Outcome.FAIL, "again"),
    ],
)
def test_what_ehlo_offers(
    tls: Path, check: str, keywords: tuple[str, ...], outcome: Outcome, says: str
) -> None:
    found = finding(audit(tls, EHLO=hello(*keywords)).findings, check)
    assert found.outcome == outcome
    assert says in found.summary


@pytest.mark.parametrize(
    ("keywords", "outcome"),
    [(("SIZE 52428800", "8BITMIME"), Outcome.PASS), (("SIZE 52428800", "PIPELINING"), Outcome.WARN)],
)
def test_opensmtpd_is_not_asked_for_the_pipelining_that_it_has_not(
    tls: Path, keywords: tuple[str, ...], outcome: Outcome
) -> None:
    audited = audit(tls, greeting="220 mx1.example.test ESMTP OpenSMTPD", EHLO=hello(*keywords))
    assert finding(audited.findings, "smtp.extensions").outcome is outcome


def test_starttls_that_is_offered_and_refused_is_no_starttls_and_the_rest_is_still_asked(tls: Path) -> None:
    found = outcomes(audit(tls, STARTTLS="454 TLS not available").findings)
    assert found["smtp.starttls"] == Outcome.FAIL
    assert found["smtp.postmaster"] == Outcome.PASS


def test_a_handshake_that_fails_is_no_starttls_and_the_rest_is_asked_on_a_new_connection(tls: Path) -> None:
    server = MailServer(GREETING, but(STARTTLS=["220 go ahead", "this is no TLS"]))
    found = audit_smtp(port_of(server), "example.test").findings
    assert finding(found, "smtp.starttls").outcome == Outcome.FAIL
    assert outcomes(found)["smtp.unknown-recipient"] == Outcome.PASS
    assert server.connections == 2


RECIPIENTS = {
    "550 5.1.1 no such user": {"postmaster": "fail", "abuse": "fail", "unknown-recipient": "error"},
    "250 ok": {"postmaster": "pass", "abuse": "pass", "unknown-recipient": "warn"},
    "450 4.2.0 Greylisted, see postgrey": {"postmaster": "error", "unknown-recipient": "error"},
    "554 5.7.1 Client host [192.0.2.1] blocked using zen.example": {"postmaster": "error", "abuse": "error"},
    "554 5.7.1 Relay access denied": {"postmaster": "fail", "unknown-recipient": "error"},
}


@pytest.mark.parametrize("answer", RECIPIENTS)
def test_one_answer_to_every_recipient(tls: Path, answer: str) -> None:
    found = outcomes(audit(tls, RCPT=answer).findings)
    assert {check: str(found[f"smtp.{check}"]) for check in RECIPIENTS[answer]} == RECIPIENTS[answer]


def test_a_domain_that_would_be_relayed_is_more_than_a_missing_postmaster(tls: Path) -> None:
    found = finding(audit(tls, RCPT="554 5.7.1 Relay access denied").findings, "smtp.postmaster")
    assert found.weight == Severity.HIGH


def test_an_unknown_address_that_is_only_put_off_is_reported(tls: Path) -> None:
    def answers(line: str, inside: bool) -> Answer:
        return "450 4.1.1 unverified" if "nobody-" in line else sound(line, inside)

    found = audit_smtp(port_of(MailServer(GREETING, answers, tls=tls)), "example.test").findings
    assert finding(found, "smtp.unknown-recipient").outcome == Outcome.WARN


def test_a_server_that_refuses_bounces_fails_and_recipients_could_not_be_asked(tls: Path) -> None:
    found = outcomes(audit(tls, MAIL="550 null sender refused").findings)
    assert found["smtp.null-sender"] == Outcome.FAIL
    assert found["smtp.postmaster"] == found["smtp.unknown-recipient"] == Outcome.ERROR


def test_a_null_sender_that_is_refused_after_the_recipient_is_refused(tls: Path) -> None:
    found = outcomes(audit(tls, RCPT="554 5.7.1 <>: Sender address rejected: Access denied").findings)
    assert found["smtp.null-sender"] == Outcome.FAIL
    assert found["smtp.postmaster"] == found["smtp.unknown-recipient"] == Outcome.ERROR


def test_without_a_domain_only_what_needs_none_is_asked(tls: Path) -> None:
    found = outcomes(audit(tls, domain="").findings)
    assert found["smtp.postmaster"] == Outcome.PASS
    assert found["smtp.abuse"] == found["smtp.unknown-recipient"] == Outcome.SKIPPED


@pytest.mark.parametrize(
    ("greeting", "outcome"), [("554 no", Outcome.FAIL), ("421 too many connections", Outcome.FAIL)]
)
def test_a_server_that_turns_us_away_has_failed_one_check_and_the_others_could_not_be_made(
    tls: Path, greeting: str, outcome: Outcome
) -> None:
    found = outcomes(audit(tls, greeting=greeting).findings)
    assert found.pop("smtp.answers") == outcome
    assert found.pop("smtp.banner-software") == Outcome.PASS
    assert set(found.values()) == {Outcome.ERROR}
    assert len(found) == len(CHECKS) - 2


def test_a_port_that_does_not_answer_says_nothing_about_the_server() -> None:
    def refuse() -> socket.socket:
        raise ConnectionRefusedError(111, "Connection refused")

    found = audit_smtp(port_to(refuse), "example.test").findings
    assert set(outcomes(found).values()) == {Outcome.ERROR}
    assert "Connection refused" in found[0].summary


def babble(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"220-" + b"x" * 4000 + b"\r\n")


def endless_line(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"2" * 4096)


def silence(connection: socket.socket) -> None:
    connection.recv(1)


def drops(connection: socket.socket) -> None:
    """One byte at a time, so that no single wait is ever too long."""
    from time import sleep

    while True:
        connection.sendall(b"2")
        sleep(0.05)


@pytest.mark.parametrize("serve", [babble, endless_line, silence, drops], ids=lambda serve: serve.__name__)
def test_a_hostile_server_ends_the_conversation_and_every_check_is_still_listed(serve) -> None:  # type: ignore[no-untyped-def]
    found = audit_smtp(port_to(RawServer(serve).open, wait=0.5), "example.test").findings
    assert set(outcomes(found).values()) == {Outcome.ERROR}
    assert len(found) == len(CHECKS)


def test_what_a_server_says_is_cut_before_it_becomes_evidence(tls: Path) -> None:
    long = audit(tls, EHLO=["250-" + "x" * 8000] * 50 + ["250 end"])
    for found in long.findings:
        assert len(found.evidence) <= 12
        assert all(len(line) <= 400 for line in found.evidence)
        assert len(found.summary) <= 600
