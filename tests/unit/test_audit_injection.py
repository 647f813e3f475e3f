"""Commands sent behind STARTTLS: kept by a bad server, forgotten or refused by a sound one."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.audit.finding import Outcome
from provisioner.audit.injection import audit_injection
from tests.unit.audited_server import (
    GREETING,
    RawServer,
    but,
    finding,
    injectable,
    outcomes,
    port_of,
    port_to,
)
from tests.unit.mail_server import Answer, MailServer, make_certificate


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "tls.pem"
    make_certificate(path, "mx1.example.test")
    return path


def smtp(line: str, tls: bool) -> str:
    verb = line.split()[0].upper()
    if verb == "EHLO":
        return "250-mx1.example.test\r\n250 SIZE" if tls else "250-mx1.example.test\r\n250 STARTTLS"
    known = {
        "STARTTLS": "STARTTLS:220 go ahead",
        "MAIL": "250 ok",
        "RCPT": "503 need MAIL",
        "QUIT": "221 bye",
    }
    return known.get(verb, "502 unknown command")


def imap(line: str, tls: bool) -> str:
    tag, _, command = line.partition(" ")
    known = {
        "CAPABILITY": f"* CAPABILITY IMAP4rev1{'' if tls else ' STARTTLS LOGINDISABLED'}\r\n{tag} OK done",
        "STARTTLS": f"STARTTLS:{tag} OK begin",
        "NOOP": f"{tag} OK done",
    }
    return known.get(command.upper(), f"{tag} BAD unknown")


def pop3(line: str, tls: bool) -> str:
    known = {"CAPA": f"+OK\r\n{'USER' if tls else 'STLS'}\r\n.", "STLS": "STARTTLS:+OK begin"}
    return known.get(line.upper(), "-ERR unknown")


SIEVE = '"IMPLEMENTATION" "test"\r\n"SASL" ""\r\n"STARTTLS"\r\nOK "ready"'


def sieve(line: str, tls: bool) -> str:
    if line == "STARTTLS":
        # The list of capabilities comes unasked after TLS: here it is in the answer's tail.
        return 'STARTTLS:OK "begin"'
    if line.startswith("NOOP"):
        return 'OK (TAG "injected") "done"'
    return SIEVE if line == "CAPABILITY" else 'NO "unknown"'


Script = Callable[[str, bool], str]
PROTOCOLS: dict[str, tuple[str, Script, Answer]] = {
    "smtp": (GREETING, smtp, ()),
    "submission": (GREETING, smtp, ()),
    "imap": ("* OK ready", imap, ()),
    "pop3": ("+OK ready", pop3, ()),
    "managesieve": (SIEVE, sieve, SIEVE),
}


@pytest.mark.parametrize("area", [area for area in PROTOCOLS if area != "managesieve"])
def test_a_server_that_keeps_its_buffer_over_starttls_is_found(tls: Path, area: str) -> None:
    greeting, answers, _ = PROTOCOLS[area]
    found = audit_injection(port_to(injectable(tls, greeting, answers).open), area)
    bad = finding(found, f"{area}.starttls-injection")
    assert bad.outcome == Outcome.FAIL
    assert any(line.startswith("< ") for line in bad.evidence)


def test_a_managesieve_server_that_keeps_its_buffer_is_found(tls: Path) -> None:
    def answers(line: str, inside: bool) -> str:
        # After TLS the capabilities come first, and then the answer to what was kept.
        return f'{SIEVE}\r\nOK (TAG "injected") "done"' if line.startswith("NOOP") else sieve(line, inside)

    found = audit_injection(port_to(injectable(tls, SIEVE, answers).open), "managesieve")
    assert finding(found, "managesieve.starttls-injection").outcome == Outcome.FAIL


@pytest.mark.parametrize("area", PROTOCOLS)
def test_a_server_that_forgets_what_came_before_tls_passes(tls: Path, area: str) -> None:
    greeting, answers, after = PROTOCOLS[area]
    server = MailServer(
        greeting, lambda line, inside: as_lines(answers(line, inside)), tls=tls, after_tls=after
    )
    found = audit_injection(port_of(server), area)
    assert {str(outcome) for outcome in outcomes(found).values()} == {"pass"}


def as_lines(text: str) -> Answer:
    return text if text.startswith("STARTTLS:") else text.split("\r\n")


@pytest.mark.parametrize("area", PROTOCOLS)
def test_a_server_that_hangs_up_at_the_extra_command_passes(tls: Path, area: str) -> None:
    greeting, answers, after = PROTOCOLS[area]
    sound = MailServer(
        greeting, lambda line, inside: as_lines(answers(line, inside)), tls=tls, after_tls=after
    )
    strict = strict_proxy(sound)
    found = audit_injection(port_to(strict.open), area)
    passed = finding(found, f"{area}.starttls-injection")
    assert passed.outcome == Outcome.PASS
    assert "breaks off" in passed.summary


def strict_proxy(server: MailServer) -> RawServer:
    """In front of a server: it hangs up where a line comes behind STARTTLS."""

    def serve(connection: socket.socket) -> None:
        import threading

        behind = server.open(0)

        def back() -> None:
            while data := behind.recv(65536):
                connection.sendall(data)

        threading.Thread(target=back, daemon=True).start()
        while data := connection.recv(65536):
            if any(data.partition(word)[2] for word in (b"STARTTLS\r\n", b"STLS\r\n")):
                return
            behind.sendall(data)

    return RawServer(serve)


@pytest.mark.parametrize("area", PROTOCOLS)
def test_without_starttls_there_is_nothing_to_try(area: str) -> None:
    greeting, answers, _ = PROTOCOLS[area]
    greeting = greeting.replace('"STARTTLS"\r\n', "")
    server = MailServer(greeting, lambda line, inside: as_lines(answers(line, True)))
    found = audit_injection(port_of(server), area)
    assert set(outcomes(found).values()) == {Outcome.SKIPPED}


def test_tls_that_never_works_says_nothing_about_injection() -> None:
    def broken(connection: socket.socket) -> None:
        connection.sendall(b"220 mx1.example.test ESMTP\r\n")
        for answer in (b"250-mx1.example.test\r\n250 STARTTLS\r\n", b"220 go ahead\r\nno TLS here\r\n"):
            connection.recv(4096)
            connection.sendall(answer)

    assert set(outcomes(audit_injection(port_to(RawServer(broken).open), "smtp")).values()) == {Outcome.ERROR}


def test_a_transaction_that_lives_on_inside_tls_is_found(tls: Path) -> None:
    server = MailServer(GREETING, but(RCPT="250 ok"), tls=tls)
    found = finding(audit_injection(port_of(server), "smtp"), "smtp.starttls-state")
    assert found.outcome == Outcome.FAIL


def test_a_server_that_begins_no_tls_inside_a_transaction_passes(tls: Path) -> None:
    begun: list[str] = []

    def answers(line: str, inside: bool) -> Answer:
        begun.append(line)
        busy = line == "STARTTLS" and any(said.startswith("MAIL") for said in begun)
        return "503 not now" if busy else as_lines(smtp(line, inside))

    found = finding(
        audit_injection(port_of(MailServer(GREETING, answers, tls=tls)), "smtp"), "smtp.starttls-state"
    )
    assert found.outcome == Outcome.PASS
