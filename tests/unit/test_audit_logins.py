"""VRFY, EXPN, and what the answers to wrong logins give away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from provisioner.audit.finding import Outcome, Severity
from provisioner.audit.logins import GAP, Try, audit_cleartext_login, audit_user_enumeration, judge_tries
from provisioner.audit.vrfy import audit_vrfy
from tests.unit.audited_server import GREETING, but, finding, hello, outcomes, port_of, sound
from tests.unit.mail_server import Answer, MailServer, make_certificate

USER = "alice@example.test"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "tls.pem"
    make_certificate(path, "mx1.example.test")
    return path


def test_what_a_busy_server_takes_before_the_login_says_nothing_of_the_user(tls: Path) -> None:
    connections = iter(range(100))

    def answers(line: str, inside: bool) -> Answer:
        if line.startswith("EHLO") and not inside and next(connections) in (0, 3, 5):  # as the user's tries
            time.sleep(GAP + 0.2)
        if line.startswith("EHLO"):
            return hello("SIZE", "AUTH PLAIN" if inside else "STARTTLS")
        return "535 failed" if line.startswith("AUTH") else sound(line, inside)

    server = MailServer(GREETING, answers, tls=tls)
    (found,) = audit_user_enumeration(port_of(server, 587), "submission", USER)
    assert found.outcome == Outcome.PASS
    assert next(connections) >= 4


@pytest.mark.parametrize(
    ("known", "unknown", "outcome"),
    [
        ("252 2.0.0 alice@example.test", "550 5.1.1 no such user", Outcome.FAIL),
        ("250 Alice <alice@example.test>", "550 no", Outcome.FAIL),
        ("252 send some mail", "252 send some mail", Outcome.PASS),
        ("502 5.5.1 VRFY command is disabled", "502 5.5.1 VRFY command is disabled", Outcome.PASS),
        ("421 too much", "421 too much", Outcome.ERROR),
    ],
)
def test_vrfy_tells_something_only_where_answers_differ(known: str, unknown: str, outcome: Outcome) -> None:
    def answers(line: str, inside: bool) -> Answer:
        if line.startswith("VRFY"):
            return known if USER in line else unknown
        return sound(line, inside)

    found = audit_vrfy(port_of(MailServer(GREETING, answers)), "example.test", user=USER)
    assert outcomes(found)["smtp.vrfy"] == outcome
    assert outcomes(found)["smtp.expn"] == Outcome.PASS


def test_expn_that_names_members_is_found() -> None:
    found = audit_vrfy(
        port_of(MailServer(GREETING, but(EXPN=["250-<a@x.test>", "250 <b@x.test>"]))), "example.test"
    )
    expn = finding(found, "smtp.expn")
    assert expn.outcome == Outcome.FAIL
    assert any("<a@x.test>" in line for line in expn.evidence)


def test_a_server_that_hangs_up_at_vrfy_could_not_be_asked() -> None:
    found = audit_vrfy(port_of(MailServer(GREETING, but(VRFY=None))), "example.test")
    assert set(outcomes(found).values()) == {Outcome.ERROR}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("535 5.7.8 Error: authentication failed", Outcome.FAIL),
        ("235 2.7.0 ok", Outcome.FAIL),
        ("530 5.7.0 Must issue a STARTTLS command first", Outcome.PASS),
        ("538 5.7.11 Encryption required", Outcome.PASS),
        ("503 5.5.1 Error: authentication not enabled", Outcome.PASS),
        ("454 4.7.0 Temporary authentication failure", Outcome.ERROR),
        (None, Outcome.PASS),
    ],
)
def test_a_login_before_tls_at_submission(answer: str | None, outcome: Outcome) -> None:
    found = audit_cleartext_login(port_of(MailServer(GREETING, but(AUTH=answer)), 587), "submission")
    assert found[0].outcome == outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("NO [AUTHENTICATIONFAILED] Authentication failed.", Outcome.FAIL),
        ("NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
         Outcome.PASS),
        ("BAD Cleartext login disabled", Outcome.PASS),
    ],
)  # fmt: skip
def test_a_login_before_tls_at_imap(answer: str, outcome: Outcome) -> None:
    def answers(line: str, inside: bool) -> Answer:
        tag, _, command = line.partition(" ")
        if command == "CAPABILITY":
            return ["* CAPABILITY IMAP4rev1 STARTTLS", f"{tag} OK"]
        return ["* OK told before", f"{tag} {answer}"]

    found = audit_cleartext_login(port_of(MailServer("* OK ready", answers), 143), "imap")
    assert found[0].outcome == outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("-ERR [AUTH] Authentication failed.", Outcome.FAIL),
        (
            "-ERR [AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
            Outcome.PASS,
        ),
    ],
)
def test_a_login_before_tls_at_pop3(answer: str, outcome: Outcome) -> None:
    def answers(line: str, inside: bool) -> Answer:
        if line == "CAPA":
            return ["+OK", "STLS", "."]
        return answer if line.startswith("PASS") or "disallowed" in answer else "+OK"

    found = audit_cleartext_login(port_of(MailServer("+OK ready", answers), 110), "pop3")
    assert found[0].outcome == outcome


def test_answers_that_differ_tell_users_from_others(tls: Path) -> None:
    def answers(line: str, inside: bool) -> Answer:
        from base64 import b64decode

        if line.startswith("EHLO"):
            return hello("SIZE", "AUTH PLAIN" if inside else "STARTTLS")
        if line.startswith("AUTH"):
            known = b64decode(line.split()[2]).split(b"\0")[1] == USER.encode()
            return "535 wrong password" if known else "535 no such user"
        return sound(line, inside)

    server = MailServer(GREETING, answers, tls=tls)
    (found,) = audit_user_enumeration(port_of(server, 587), "submission", USER)
    assert found.outcome == Outcome.FAIL
    assert "wrong password" in found.evidence[0]
    assert USER not in "".join(found.evidence)


@pytest.mark.parametrize(
    ("known", "unknown", "outcome"),
    [
        ("NO [AUTHORIZATIONFAILED] failed", "NO [AUTHENTICATIONFAILED] failed", Outcome.FAIL),
        # what is new with each answer tells nothing
        ("NO failed, session kjhAS7d6fkasjhd76", "NO failed, session Aksjd87asdkjhaas8", Outcome.PASS),
    ],
)
def test_a_response_code_is_part_of_the_answer(known: str, unknown: str, outcome: Outcome) -> None:
    def answers(line: str, inside: bool) -> Answer:
        tag, _, command = line.partition(" ")
        if command == "CAPABILITY":
            return ["* CAPABILITY IMAP4rev1", f"{tag} OK done"]
        return f"{tag} {known if USER in line else unknown}"

    (found,) = audit_user_enumeration(port_of(MailServer("* OK ready", answers), 143), "imap", USER)
    assert found.outcome == outcome


def test_a_submission_port_without_login_has_nothing_to_try(tls: Path) -> None:
    (found,) = audit_user_enumeration(port_of(MailServer(GREETING, sound, tls=tls), 587), "submission", USER)
    assert found.outcome == Outcome.SKIPPED


def tries(*timed: tuple[bool, str, float]) -> tuple[Try, ...]:
    return tuple(Try(*one) for one in timed)


NO = "535 failed"


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (tries((True, NO, 2.0), (False, NO, 2.1), (False, NO, 1.9), (True, NO, 2.0)), Outcome.PASS),
        # as Dovecot does: each wrong login takes longer than the one before
        (tries((True, NO, 2.0), (False, NO, 4.0), (False, NO, 8.0), (True, NO, 15.0)), Outcome.PASS),
        (tries(*[(True, NO, 0.9), (False, NO, 0.1)] * 3), Outcome.WARN),
        # as a busy server does: by chance, all of one kind come later than all of the other
        (
            tries(*[(True, NO, after) for after in (0.9, 2.4, 1.0)], (False, NO, 0.1), (False, NO, 0.5)),
            Outcome.PASS,
        ),
        (tries((True, NO, 0.5), (False, NO, 2.0)), Outcome.PASS),
        (
            tries((True, NO, 0.1), (False, "535 who", 0.1), (False, "535 who", 0.1), (True, NO, 0.1)),
            Outcome.FAIL,
        ),
        (tries((True, NO, 0.1), (False, "454 later", 0.1)), Outcome.ERROR),
        (tries((True, NO, 2.0), (False, NO, 4.0), (False, "454 later", 10.0)), Outcome.PASS),
    ],
)
def test_answers_and_their_times(made: tuple[Try, ...], outcome: Outcome) -> None:
    assert judge_tries(made).outcome == outcome


def test_a_server_that_takes_any_password_is_critical() -> None:
    verdict = judge_tries(tries((True, "235 2.7.0 ok", 0.1), (False, NO, 0.1)))
    assert (verdict.outcome, verdict.severity) == (Outcome.FAIL, Severity.CRITICAL)
