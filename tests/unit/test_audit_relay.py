"""Open relays by every form of address, and what only looks like one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.audit.finding import Finding, Outcome
from provisioner.audit.relay import audit_relay
from provisioner.audit.relay_forms import Names, plain_forms, trick_forms
from tests.unit.audited_server import GREETING, but, port_of, sound
from tests.unit.mail_server import Answer, MailServer

NAMES = Names("relay-test@example.com", "mx1.example.test", "[192.0.2.10]", "example.test")


def relay(answers: Callable[[str, bool], Answer], **settings: object) -> tuple[Finding, MailServer]:
    """The finding, and the server that was asked."""
    server = MailServer(GREETING, answers)
    (found,) = audit_relay(port_of(server), "example.test", "mx1.example.test", **settings)  # type: ignore[arg-type]
    return found, server


def recipients(accepted: Callable[[str], bool]) -> Callable[[str, bool], Answer]:
    """A server that takes the recipients for which `accepted` says so; the rest as the sound one."""

    def answers(line: str, tls: bool) -> Answer:
        address = line.partition(":")[2].removeprefix("<").removesuffix(">")
        return "250 ok" if line.startswith("RCPT") and accepted(address) else sound(line, tls)

    return answers


def test_the_sixteen_forms_of_nmap_are_all_there() -> None:
    tried = {
        (f.sender, f.recipient) for f in (*plain_forms(NAMES), *trick_forms(NAMES, "<probe@[192.0.2.10]>"))
    }
    senders = {sender for sender, recipient in tried if recipient == "<relay-test@example.com>"}
    assert {"<>", "<probe@example.com>", "<probe@mx1.example.test>", "<probe@[192.0.2.10]>"} <= senders
    assert {recipient for _, recipient in tried} >= {
        "<relay-test%example.com@[192.0.2.10]>",
        "<relay-test%example.com@mx1.example.test>",
        '<"relay-test@example.com">',
        '<"relay-test%example.com">',
        "<relay-test@example.com@[192.0.2.10]>",
        '<"relay-test@example.com"@[192.0.2.10]>',
        "<relay-test@example.com@mx1.example.test>",
        "<@[192.0.2.10]:relay-test@example.com>",
        "<@mx1.example.test:relay-test@example.com>",
        "<example.com!relay-test>",
        "<example.com!relay-test@[192.0.2.10]>",
        "<example.com!relay-test@mx1.example.test>",
    }


def test_a_server_that_refuses_every_form_passes_and_no_message_was_sent() -> None:
    found, server = relay(sound)
    assert found.outcome == Outcome.PASS
    assert not any(line.startswith("DATA") for line in server.heard)
    tried = len(plain_forms(NAMES)) + len(trick_forms(NAMES, "<>"))
    assert f"{tried} of {tried} forms" in found.summary


def test_no_connection_sees_more_refusals_than_servers_put_up_with() -> None:
    _, server = relay(sound)
    refused = sum(line.startswith("RCPT") for line in server.heard)
    assert refused / server.connections <= 8


@pytest.mark.parametrize(
    ("trick", "accepted"),
    [
        ("any way", lambda address: address.endswith("@example.com")),
        ("percent", lambda address: "%" in address and address.endswith("@example.test")),
        ("source route", lambda address: address.startswith("@")),
        ("bang path", lambda address: address == "example.com!relay-test"),
        ("quoted address", lambda address: address == '"relay-test@example.com"'),
        ("two at signs", lambda address: address.count("@") == 2 and "localhost" in address),
        ("look-alike", lambda address: address.endswith("example.test.example.com")),
    ],
)
def test_each_kind_of_relay_is_found(trick: str, accepted: Callable[[str], bool]) -> None:
    found, server = relay(recipients(accepted))
    assert found.outcome == Outcome.FAIL
    assert trick in found.summary
    assert "RCPT TO" in found.evidence[0] and "→ 250 ok" in found.evidence[0]
    assert not any(line.startswith("DATA") for line in server.heard)


def test_a_relay_for_one_sender_only_is_found() -> None:
    sender = ""

    def answers(line: str, tls: bool) -> Answer:
        nonlocal sender
        sender = line if line.startswith("MAIL") else sender
        trusted = "postmaster@example.test" in sender
        return "250 ok" if trusted and line.startswith("RCPT") else sound(line, tls)

    found, _ = relay(answers)
    assert found.outcome == Outcome.FAIL
    assert "from postmaster@example.test" in found.evidence[0]


def test_a_relay_for_who_calls_itself_localhost_is_found() -> None:
    name = ""

    def answers(line: str, tls: bool) -> Answer:
        nonlocal name
        name = line if line.startswith("EHLO") else name
        return "250 ok" if "localhost" in name and line.startswith("RCPT") else sound(line, tls)

    found, _ = relay(answers)
    assert found.outcome == Outcome.FAIL
    assert "as localhost" in found.summary


def test_the_name_in_the_greeting_is_tried_where_the_caller_does_not_know_it() -> None:
    def answers(line: str, tls: bool) -> Answer:
        hacked = line.startswith("RCPT") and "%" in line and line.endswith("@inner.example.test>")
        return "250 ok" if hacked else sound(line, tls)

    server = MailServer("220 inner.example.test ESMTP", answers)
    (found,) = audit_relay(port_of(server), "example.test", "")
    assert (found.outcome, found.summary) == (
        Outcome.FAIL,
        "relays mail for strangers (percent at inner.example.test)",
    )


def test_a_catch_all_is_no_relay() -> None:
    found, _ = relay(recipients(lambda address: address.endswith("@example.test") or "@" not in address))
    assert found.outcome == Outcome.PASS
    assert any("takes every address" in line for line in found.evidence)


@pytest.mark.parametrize(
    ("answer", "outcome", "says"),
    [
        ("454 4.7.1 Relay access denied", Outcome.PASS, "relays nothing"),
        ("530 5.7.0 Authentication required", Outcome.PASS, "relays nothing"),
        ("450 4.2.0 Greylisted", Outcome.ERROR, "nothing from this machine"),
        ("554 5.7.1 Client host blocked using dnsbl", Outcome.ERROR, "nothing from this machine"),
        ("550 5.1.2 Domain not found", Outcome.ERROR, "name one that takes mail"),
        ("421 4.7.0 Too many errors", Outcome.ERROR, "could not be tested to the end"),
    ],
)
def test_a_refusal_counts_only_if_it_is_about_relaying(answer: str, outcome: Outcome, says: str) -> None:
    found, _ = relay(but(RCPT=answer))
    assert found.outcome == outcome
    assert says in found.summary


def test_a_server_that_hangs_up_at_every_recipient_could_not_be_tested() -> None:
    found, server = relay(but(RCPT=None))
    assert found.outcome == Outcome.ERROR
    assert server.connections < 5


def test_a_server_that_hangs_up_now_and_then_is_asked_on_a_new_connection() -> None:
    asked = 0

    def answers(line: str, tls: bool) -> Answer:
        nonlocal asked
        asked += line.startswith("RCPT")
        return None if asked % 7 == 6 and line.startswith("RCPT") else sound(line, tls)

    found, _ = relay(answers)
    assert found.outcome == Outcome.PASS


def test_only_when_told_a_message_is_sent_to_the_address_that_was_named() -> None:
    in_message = False

    def answers(line: str, tls: bool) -> Answer:
        nonlocal in_message
        if in_message:
            in_message = line != "."
            return () if in_message else "250 2.0.0 queued"
        in_message = line == "DATA"
        return recipients(lambda address: address == "me@elsewhere.test")(line, tls)

    found, server = relay(answers, stranger="me@elsewhere.test", send=True)
    assert found.outcome == Outcome.FAIL
    assert "message → 250 2.0.0 queued" in found.evidence[0]
    assert server.heard.count("DATA") == 3


def test_the_submission_port_may_refuse_the_client_whoever_it_writes_to() -> None:
    refusal = "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"
    found, _ = relay(but(RCPT=refusal, EHLO="250 mx1.example.test"), submission=True)
    assert (found.check.id, found.outcome) == ("submission.open-relay", Outcome.PASS)
    found, _ = relay(but(RCPT=refusal))
    assert (found.check.id, found.outcome) == ("smtp.open-relay", Outcome.ERROR)
