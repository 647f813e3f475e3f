"""The way to the first byte of TLS, in each of mail's protocols."""

from __future__ import annotations

import pytest

from provisioner.mail.wire import ConversationError, Trouble
from provisioner.tls.opening import NotOffered, Opening, SentAway, open_tls


class Script:
    """A server that answers each command with the next of its lines."""

    def __init__(self, *lines: str) -> None:
        """The first line is the greeting."""
        self._answers = [line.encode() for line in lines]
        self._ready = self._answers.pop(0)
        self.heard: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        """Take a command, and answer it."""
        self.heard.append(data)
        self._ready += self._answers.pop(0) if self._answers else b""

    def recv(self, size: int) -> bytes:
        """The next bytes."""
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken

    def settimeout(self, seconds: float | None) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing to close."""


def opened(server: Script, opening: Opening) -> list[bytes]:
    open_tls(server, opening, "[192.0.2.1]", seconds=5, wait=5).sendall(b"\x16")
    return server.heard


SIEVE = '"IMPLEMENTATION" "Dovecot"\r\n"STARTTLS"\r\nOK "ready"\r\n'


@pytest.mark.parametrize(
    ("opening", "lines", "commands"),
    [
        (Opening.IMPLICIT, [""], []),
        (
            Opening.SMTP,
            ["220 mx ESMTP\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n"],
            [b"EHLO [192.0.2.1]\r\n", b"STARTTLS\r\n"],
        ),
        (Opening.IMAP, ["* OK ready\r\n", "p1 OK begin\r\n"], [b"p1 STARTTLS\r\n"]),
        (Opening.POP3, ["+OK ready\r\n", "+OK begin\r\n"], [b"STLS\r\n"]),
        (Opening.MANAGESIEVE, [SIEVE, 'OK "begin"\r\n'], [b"STARTTLS\r\n"]),
    ],
)
def test_each_protocol_comes_to_tls_in_its_own_words(
    opening: Opening, lines: list[str], commands: list[bytes]
) -> None:
    assert opened(Script(*lines), opening) == [*commands, b"\x16"]


@pytest.mark.parametrize(
    ("opening", "lines"),
    [
        (Opening.SMTP, ["220 mx\r\n", "250-mx\r\n250 SIZE\r\n"]),
        (Opening.SMTP, ["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "502 5.5.1 not implemented\r\n"]),
        (Opening.IMAP, ["* OK ready\r\n", "p1 BAD unknown command\r\n"]),
        (Opening.IMAP, ["* PREAUTH ready\r\n"]),
        (Opening.POP3, ["+OK ready\r\n", "-ERR unknown command\r\n"]),
        (Opening.MANAGESIEVE, [SIEVE, 'NO "TLS is not available"\r\n']),
    ],
)
def test_a_server_without_starttls_does_not_offer_it(opening: Opening, lines: list[str]) -> None:
    with pytest.raises(NotOffered):
        opened(Script(*lines), opening)


@pytest.mark.parametrize(
    ("opening", "lines"),
    [
        (Opening.SMTP, ["554 5.7.1 no service for you\r\n"]),
        (Opening.SMTP, ["220 mx\r\n", "421 4.3.2 shutting down\r\n"]),
        (Opening.SMTP, ["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "454 4.7.0 TLS not available\r\n"]),
        (Opening.IMAP, ["* BYE too many connections\r\n"]),
        (Opening.POP3, ["-ERR too many connections\r\n"]),
        (Opening.MANAGESIEVE, ['BYE "too many connections"\r\n']),
    ],
)
def test_a_server_that_will_not_talk_now_sends_us_away(opening: Opening, lines: list[str]) -> None:
    with pytest.raises(SentAway):
        opened(Script(*lines), opening)


def test_plain_text_behind_the_agreement_is_an_error() -> None:
    smuggled = Script("* OK ready\r\n", "p1 OK begin\r\n* OK [CAPABILITY AUTH=PLAIN]\r\n")
    with pytest.raises(ConversationError) as raised:
        opened(smuggled, Opening.IMAP)
    assert raised.value.trouble is Trouble.TLS


@pytest.mark.parametrize(
    ("port", "opening"),
    [
        (25, Opening.SMTP),
        (587, Opening.SMTP),
        (143, Opening.IMAP),
        (110, Opening.POP3),
        (4190, Opening.MANAGESIEVE),
        (465, Opening.IMPLICIT),
        (993, Opening.IMPLICIT),
    ],
)
def test_a_port_s_number_says_how_tls_begins(port: int, opening: Opening) -> None:
    assert Opening.of_port(port) is opening
