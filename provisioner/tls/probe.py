"""One question to a server: a connection, a ClientHello, and what came of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from provisioner.mail.wire import BoundedStream, ConversationError, Stream, Trouble
from provisioner.tls.flight import Flight, NotTls, is_ssl2_hello, read_flight
from provisioner.tls.hello import Hello, ssl2_hello
from provisioner.tls.opening import NotOffered, Opening, SentAway, open_tls
from provisioner.tls.result import Answer, Speech
from provisioner.tls.tls13 import Encrypted, Share, read_encrypted
from provisioner.tls.versions import Version

TRIES = 3
_PAUSE = 1.0
"""Seconds before another try with a server that sent us away, and twice that before a third."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a server one scan may take."""

    parallel: int = 3
    """Connections at once."""
    seconds: float = 60.0
    """For all of the scan; what is left open then is reported as not probed."""
    wait: float = 10.0
    """For a connection's every answer."""
    hello: str = "localhost"
    """Our name in EHLO."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a question: `flight` holds a ServerHello, or `refusal` says how it was refused, or
    `trouble` why it could not be put."""

    speech: Speech = Speech.TLS
    flight: Flight | None = None
    encrypted: Encrypted | None = None
    sent: bytes = b""
    refusal: str = ""
    trouble: str = ""
    answer: Answer = Answer.UNKNOWN
    """For a question that has just this answer."""


class Prober:
    """Puts questions to one port, never more at once than allowed. Safe to use from many threads."""

    def __init__(
        self,
        open_stream: Callable[[], Stream],
        opening: Opening,
        limits: Limits,
        slots: threading.Semaphore | None = None,
    ) -> None:
        """`open_stream` connects and raises `OSError` or `ConversationError` where it can't.

        `slots` is shared by the scans of one server's ports; each connection takes one.
        """
        self._open_stream = open_stream
        self._opening = opening
        self._limits = limits
        self._ends = time.monotonic() + limits.seconds
        self._slots = slots
        self._lock = threading.Lock()
        self.connections = 0

    def ask(self, hello: Hello, share: Share | None = None) -> Said:
        """Send a ClientHello, with `share` to look into the encrypted part of TLS 1.3."""
        record = hello.record(os.urandom(32))
        said = self.talk(lambda stream: self._converse(stream, record, share))
        if said.refusal == "closed":
            # Also what a server does that has too many connections: ask once more to be sure.
            said = self.talk(lambda stream: self._converse(stream, record, share))
        return said

    def ask_ssl2(self) -> Said:
        """Send an SSL 2.0 greeting; `flight` is an empty one where the server accepts."""
        record = ssl2_hello(os.urandom(16))
        return self.talk(lambda stream: self._converse(stream, record, None))

    def talk(self, what: Callable[[BoundedStream], Said]) -> Said:
        """Connect, come to where TLS begins, and say `what`; again, if the server sends us away."""
        said = Said(trouble="not tried")
        for number in range(TRIES):
            if number and time.monotonic() + _PAUSE * number < self._ends:
                time.sleep(_PAUSE * number)
            with self._slots or nullcontext():
                said, again = self._try(what)
            if not again:
                break
        return said

    def _try(self, what: Callable[[BoundedStream], Said]) -> tuple[Said, bool]:
        """What came of it, and whether another try may come to more."""
        left = self._ends - time.monotonic()
        if left <= 0:
            return Said(Speech.FAILED, trouble="the time for this port was used up"), False
        with self._lock:
            self.connections += 1
        try:
            stream = self._open_stream()
        except (OSError, ConversationError) as error:
            return Said(Speech.FAILED, trouble=_words(error)), False
        try:
            wait = min(self._limits.wait, left)
            bare = open_tls(stream, self._opening, self._limits.hello, seconds=left, wait=wait)
            return what(bare), False
        except NotOffered as answer:
            return Said(Speech.NOT_OFFERED, trouble=str(answer)), False
        except SentAway as answer:
            return Said(Speech.FAILED, trouble=f"it sent us away: {answer}"), True
        except ConversationError as error:
            return Said(Speech.FAILED, trouble=error.message), error.trouble is Trouble.CLOSED
        finally:
            stream.close()

    def _converse(self, stream: BoundedStream, record: bytes, share: Share | None) -> Said:
        data = b""
        try:
            stream.sendall(record)
            while True:
                more = stream.recv(16384)
                if not more:
                    return Said(refusal="closed", sent=record)
                data += more
                said = _read(data, record, share)
                if said is not None:
                    return said
        except NotTls as error:
            if data.startswith(b"421"):  # Exim at smtp_accept_max, where TLS should begin (RFC 5321 §3.8)
                raise SentAway(_first_line(data)) from None
            return self._plain(data) or Said(trouble=str(error))
        except ConversationError as error:
            if error.trouble is Trouble.CLOSED:
                return Said(refusal="closed", sent=record)
            return Said(trouble=error.message)

    def _plain(self, data: bytes) -> Said | None:
        """A server that talks plain text where TLS should be."""
        if not data or not (data[:1].isalnum() or data[:1] in b"*+-"):
            return None
        line = _first_line(data)
        speech = Speech.NOT_OFFERED if self._opening is Opening.IMPLICIT else Speech.FAILED
        return Said(speech, trouble=f"it goes on in plain text: {line}")


def _read(data: bytes, record: bytes, share: Share | None) -> Said | None:
    """What the bytes so far say; None where more are to come. Raises `NotTls`."""
    if record[0] != 0x16:
        if is_ssl2_hello(data):
            return Said(flight=Flight(finished=True))
        if data[0] & 0x80 and len(data) < 13:
            return Said(refusal="an SSL 2.0 error") if data[2:3] == b"\0" else None
    flight = read_flight(data)
    if flight.alert is not None:
        return Said(refusal=flight.alert_name, sent=record)
    answered = flight.hello is not None and flight.hello.version == Version.TLS13 and share is None
    if flight.finished or answered:
        return Said(flight=flight, sent=record)
    if share is not None and flight.hello is not None:
        encrypted = read_encrypted(flight, record[5:], share)
        if encrypted.finished:
            return Said(flight=flight, encrypted=encrypted, sent=record)
    return None


def _first_line(data: bytes) -> str:
    return data.splitlines()[0][:200].decode("utf-8", "backslashreplace")


def _words(error: OSError | ConversationError) -> str:
    if isinstance(error, ConversationError):
        return error.message
    if isinstance(error, TimeoutError):
        return "no connection within the limit"
    return error.strerror or str(error) or type(error).__name__
