"""False ends of a message, and commands before their turn."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import pytest

from provisioner.audit.finding import Finding, Outcome
from provisioner.audit.smuggling import END_FORMS, audit_smuggling
from tests.unit.audited_server import RawServer, outcomes, port_to

PATIENCE = 0.15


def server(
    end: re.Pattern[bytes], *, bare: bytes = b"", recipient: bytes = b"250 ok", turns: bool = True
) -> tuple[RawServer, list[bytes]]:
    """A server whose messages end with `end`; it refuses those that hold `bare`; what it took."""
    taken: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"220 mx1.example.test ESMTP\r\n")
        buffer = b""
        while data := connection.recv(65536):
            buffer += data
            while b"\n" in buffer:
                line, _, buffer = buffer.partition(b"\n")
                verb = line[:4].upper()
                if verb == b"EHLO" and turns and buffer:
                    connection.sendall(b"554 5.5.0 synchronization error\r\n")
                    return
                answers = {b"RCPT": recipient, b"DATA": b"354 go on", b"QUIT": b"221 bye"}
                known = verb in (b"EHLO", b"MAIL", b"RSET", b"NOOP", *answers)
                connection.sendall(answers.get(verb, b"250 ok" if known else b"502 unknown") + b"\r\n")
                if verb == b"DATA":
                    buffer = read_message(connection, buffer)

    def read_message(connection: socket.socket, buffer: bytes) -> bytes:
        while True:
            if bare and bare in buffer:
                connection.sendall(b"521 5.5.2 bare newline\r\n")
                raise OSError
            if (found := end.search(buffer)) is not None:
                taken.append(buffer[: found.start()])
                connection.sendall(b"250 2.0.0 queued\r\n")
                return buffer[found.end() :]
            data = connection.recv(65536)
            if not data:
                raise OSError
            buffer += data

    return RawServer(serve), taken


def smuggling(of: RawServer, **settings: str) -> tuple[Finding, Finding]:
    found = audit_smuggling(port_to(of.open), "example.test", patience=PATIENCE, **settings)
    return found[0], found[1]


ONLY_RIGHT = re.compile(rb"\r\n\.\r\n")


def test_a_sound_server_passes_with_one_wait_and_without_a_message() -> None:
    sound, taken = server(ONLY_RIGHT)
    ends, turns = smuggling(sound)
    assert (ends.outcome, turns.outcome) == (Outcome.PASS, Outcome.PASS)
    assert f"none of {len(END_FORMS)}" in ends.summary
    assert taken == []
    assert sound.connections == 2


def test_a_busy_server_that_owes_an_answer_is_asked_once_more() -> None:
    sound, taken = server(ONLY_RIGHT)
    opened = iter(range(10))

    def open_one() -> socket.socket:
        if next(opened):
            return sound.open()
        ours, theirs = socket.socketpair()
        theirs.close()
        return ours

    ends, _ = audit_smuggling(port_to(open_one), "example.test", patience=PATIENCE)
    assert (ends.outcome, taken, sound.connections) == (Outcome.PASS, [], 2)


@pytest.mark.parametrize("name", END_FORMS)
def test_each_false_end_is_found_and_named_alone(name: str) -> None:
    weak, _ = server(re.compile(re.escape(b"text" + END_FORMS[name] + b"text")))
    ends, _ = smuggling(weak)
    assert ends.outcome == Outcome.FAIL
    assert ends.evidence == (f"{name} → 250 2.0.0 queued",)


def test_postfix_before_the_fix_ends_messages_at_bare_line_feeds() -> None:
    weak, taken = server(re.compile(rb"\r?\n\.\r?\n"))
    ends, _ = smuggling(weak)
    for name in ("<LF>.<LF>", "<LF>.<CR><LF>", "<CR><LF>.<LF>"):
        assert name in ends.summary
    assert "<CR>.<CR>" not in ends.summary
    assert all(b"SMTP smuggling" in message for message in taken)


def test_a_server_that_refuses_bare_line_feeds_passes() -> None:
    strict, taken = server(ONLY_RIGHT, bare=b"text\n")
    ends, _ = smuggling(strict)
    assert ends.outcome == Outcome.PASS
    assert any("521 5.5.2 bare newline" in line for line in ends.evidence)
    assert taken == []


def test_no_two_forms_beside_each_other_make_a_right_end() -> None:
    message = b"".join(b"text" + form for form in END_FORMS.values()) + b"text\r\n"
    assert b"\r\n.\r\n" not in message


@pytest.mark.parametrize("answer", [b"550 5.1.1 no such user", b"450 later", b"421 bye"])
def test_without_a_recipient_that_is_taken_it_could_not_be_tested(answer: bytes) -> None:
    other, _ = server(ONLY_RIGHT, recipient=answer)
    ends, _ = smuggling(other)
    assert ends.outcome == Outcome.ERROR
    assert "postmaster@example.test" in ends.summary


def test_the_recipient_is_the_one_that_was_named() -> None:
    other, _ = server(ONLY_RIGHT, recipient=b"550 no")
    ends, _ = smuggling(other, recipient="alice@example.test")
    assert "alice@example.test" in ends.summary


def test_a_server_that_takes_commands_before_their_turn_is_reported() -> None:
    loose, _ = server(ONLY_RIGHT, turns=False)
    _, turns = smuggling(loose)
    assert turns.outcome == Outcome.WARN


def silent(connection: socket.socket) -> None:
    connection.recv(1)


def closing(connection: socket.socket) -> None:
    connection.sendall(b"220 mx ESMTP\r\n")


@pytest.mark.parametrize("serve", [silent, closing], ids=lambda serve: serve.__name__)
def test_a_server_that_does_not_talk_could_not_be_tested(serve: Callable[[socket.socket], None]) -> None:
    port = port_to(RawServer(serve).open, wait=0.3)
    found = audit_smuggling(port, "example.test", patience=PATIENCE)
    assert outcomes(found)["smtp.smuggling"] == Outcome.ERROR
