"""A connection to a mail server, seen as lines: bounded, timed and recorded.

Every protocol here (SMTP, IMAP, POP3, ManageSieve) is lines over a byte stream that may turn to
TLS in the middle. `Wire` is that, and nothing else. The stream can be a socket or a channel that
SSH forwards: anything with `recv`, `sendall`, `settimeout` and `close`.

A server is not trusted: the whole conversation has a limit in seconds and bytes, each line has one
in bytes, and what it said is kept as text that nobody evaluates. Whoever shows it escapes it.
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl

    from provisioner.mail.tls_stream import TlsFacts

LINE_BYTES = 8192
"""Longest line taken. RFC 5321 §4.5.3.1.5 allows 512 for a reply, RFC 7162 §4 asks IMAP for 8192."""
CONVERSATION_BYTES = 512 * 1024
"""Most that a server may say in one conversation, TLS records included."""
TRANSCRIPT_LINES = 400


class Trouble(StrEnum):
    """Why a conversation ended early. The values are stable: they are part of check results."""

    UNREACHABLE = "unreachable"
    SILENT = "silent"
    CLOSED = "closed"
    BABBLE = "babble"
    TLS = "tls"
    UNTRUSTED = "untrusted"


class ConversationError(Exception):
    """The conversation can't go on; `trouble` is the kind, `message` says it in words."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        """`message` may hold what a server said: escape it before a terminal sees it."""
        super().__init__(message)
        self.trouble = trouble
        self.message = message


class Stream(Protocol):
    """A byte stream: `socket.socket`, or a paramiko channel."""

    def recv(self, size: int, /) -> bytes:
        """At most `size` bytes; `b""` at the end; `TimeoutError` after the time set."""
        ...

    def sendall(self, data: bytes, /) -> None:
        """Send it all, or raise `OSError`."""
        ...

    def settimeout(self, seconds: float | None, /) -> None:
        """How long a `recv` or a `sendall` may wait."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class BoundedStream:
    """A stream that ends when its time or its bytes are used up, whatever the server does."""

    def __init__(self, stream: Stream, seconds: float, wait: float) -> None:
        """`seconds` for all of it; `wait` seconds, at most, for the next bytes."""
        self.stream = stream
        self._ends = time.monotonic() + seconds
        self._wait = wait
        self._bytes_left = CONVERSATION_BYTES

    def _arm(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise ConversationError(Trouble.SILENT, "the conversation took longer than its limit")
        wait = min(left, self._wait)
        self.stream.settimeout(wait)
        return wait

    def recv(self, size: int) -> bytes:
        """As `Stream.recv`; every failure is a `ConversationError`."""
        wait = self._arm()
        if self._bytes_left <= 0:
            raise ConversationError(
                Trouble.BABBLE, f"the server sent more than {CONVERSATION_BYTES // 1024} KiB"
            )
        try:
            data = self.stream.recv(min(size, self._bytes_left))
        except TimeoutError:
            raise ConversationError(Trouble.SILENT, f"no answer within {wait:.0f} s") from None
        except OSError as error:
            raise ConversationError(Trouble.CLOSED, f"the connection broke: {_reason(error)}") from None
        self._bytes_left -= len(data)
        return data

    def sendall(self, data: bytes) -> None:
        """As `Stream.sendall`; every failure is a `ConversationError`."""
        self._arm()
        try:
            self.stream.sendall(data)
        except TimeoutError:
            raise ConversationError(Trouble.SILENT, "the server stopped reading") from None
        except OSError as error:
            raise ConversationError(Trouble.CLOSED, f"the connection broke: {_reason(error)}") from None

    def settimeout(self, seconds: float | None) -> None:
        """Nothing: the limits are already set, and nobody may lift them."""

    def patience(self, wait: float) -> None:
        """Wait at most `wait` seconds for the next bytes from now on; the limit for all of it stays."""
        self._wait = wait

    def close(self) -> None:
        """End it; a second time does nothing."""
        try:
            self.stream.close()
        except OSError:
            return


class Wire:
    """Lines to and from a server, and a record of them.

    `transcript` has `< ` before what the server said and `> ` before what we did, oldest first, at
    most `TRANSCRIPT_LINES`; what was sent with `secret=True` is there as `> …`.
    """

    def __init__(self, stream: Stream, *, seconds: float = 20.0, wait: float = 10.0) -> None:
        """`seconds` limit the whole conversation, `wait` the wait for each answer."""
        self.plain = BoundedStream(stream, seconds, wait)
        self._stream: Stream = self.plain
        self._buffer = b""
        self.transcript: list[str] = []
        self.tls: TlsFacts | None = None

    def read_line(self) -> str:
        """The next line, without its end; bytes that aren't UTF-8 become `\\xNN`.

        `ConversationError` where the server is silent, hangs up or sends a line without end.
        """
        while b"\n" not in self._buffer:
            if len(self._buffer) > LINE_BYTES:
                raise ConversationError(Trouble.BABBLE, f"a line of more than {LINE_BYTES} bytes")
            data = self._stream.recv(4096)
            if not data:
                raise ConversationError(Trouble.CLOSED, "the server closed the connection")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        if len(line) > LINE_BYTES:
            raise ConversationError(Trouble.BABBLE, f"a line of more than {LINE_BYTES} bytes")
        text = line.removesuffix(b"\r").decode("utf-8", "backslashreplace")
        self._note(f"< {text}")
        return text

    def read_exactly(self, size: int) -> bytes:
        """`size` bytes, as an IMAP literal announces them (RFC 9051 §4.3); not in the transcript."""
        if size > CONVERSATION_BYTES:
            raise ConversationError(Trouble.BABBLE, f"a literal of {size} bytes was announced")
        while len(self._buffer) < size:
            data = self._stream.recv(4096)
            if not data:
                raise ConversationError(Trouble.CLOSED, "the server closed the connection")
            self._buffer += data
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def send_line(self, text: str, *, secret: bool = False) -> None:
        """Send one line. `ValueError` for a line break in it: nobody smuggles a second command in."""
        if any(character in text for character in "\r\n\0"):
            raise ValueError("a command is one line")
        self._note("> …" if secret else f"> {text}")
        self._stream.sendall(text.encode() + b"\r\n")

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, in one write: for probes that no ordinary client would make."""
        self._note(f"> {data[:200]!r}")
        self._stream.sendall(data)

    def start_tls(self, context: ssl.SSLContext, server_name: str) -> TlsFacts:
        """Turn to TLS here and now; from then on every line is encrypted.

        What the server sent before the handshake must not count as said under TLS
        (command injection, CVE-2011-0411), so bytes that are already here are an error.
        """
        from provisioner.mail.tls_stream import TlsStream

        self._refuse_leftovers()
        stream = TlsStream(self.plain, context, server_name)
        self.tls = stream.handshake()
        self._stream = stream
        self._note(f"* {self.tls.version}")
        return self.tls

    def bare(self) -> BoundedStream:
        """The stream itself, for a hand-made ClientHello after STARTTLS; nobody reads lines afterwards."""
        self._refuse_leftovers()
        return self.plain

    def _refuse_leftovers(self) -> None:
        if self._buffer:
            raise ConversationError(
                Trouble.TLS, "the server went on in plain text after it had agreed to STARTTLS"
            )

    def close(self) -> None:
        """End the connection without a farewell."""
        self.plain.close()

    def _note(self, line: str) -> None:
        if len(self.transcript) < TRANSCRIPT_LINES:
            self.transcript.append(line)


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
