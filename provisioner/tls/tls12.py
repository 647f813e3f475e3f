"""A whole TLS 1.2 handshake, to ask for another one inside it: does the server renegotiate for a client?

No library will still ask for that. The suites are those of ECDHE with AES-GCM or ChaCha20 (RFC 5289,
RFC 7905); nothing that the server says is verified, since nothing is said that matters.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from provisioner.mail.wire import Stream
from provisioner.tls.flight import ALERTS, FLIGHT_BYTES, Flight, KeyExchange, NotTls, read_flight
from provisioner.tls.hello import Hello
from provisioner.tls.result import Answer
from provisioner.tls.seen import key_exchange_of
from provisioner.tls.suites import CipherSuite, suite
from provisioner.tls.tls13 import READABLE_GROUPS, Share

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE = 20, 21, 22


def speakable(one: CipherSuite) -> bool:
    """Whether the handshake can be gone through with this suite."""
    modern = "_GCM_" in one.name or "CHACHA20" in one.name
    return one.key_exchange == "ECDHE" and modern and "ARIA" not in one.name and "CAMELLIA" not in one.name


def renegotiates(stream: Stream, hello: Hello) -> tuple[Answer, str]:
    """Whether the server takes a second ClientHello, and what it did. Raises `NotTls`, `ConversationError`.

    `hello` is for TLS 1.2, with suites that are `speakable` and groups of `READABLE_GROUPS`.
    """
    random = os.urandom(32)
    message = hello.message(random)
    stream.sendall(hello.record(random))
    flight = _flight(stream)
    if flight.hello is None:
        return Answer.UNKNOWN, flight.alert_name
    exchange = key_exchange_of(flight, suite(flight.hello.suite), flight.hello.version)
    if not isinstance(exchange, KeyExchange) or exchange.curve not in READABLE_GROUPS:
        return Answer.UNKNOWN, "no key exchange that can be gone through"
    share = Share.new(exchange.curve)
    point = share.public
    client_key = b"\x10" + (len(point) + 1).to_bytes(3, "big") + bytes([len(point)]) + point
    transcript = message + flight.handshake + client_key
    keys = _Keys.agree(flight, random, share.secret(exchange.public), transcript)
    finished = keys.finished(transcript)
    stream.sendall(_record(_HANDSHAKE, client_key) + _record(_CHANGE_CIPHER_SPEC, b"\x01"))
    stream.sendall(keys.seal(_HANDSHAKE, finished))
    reader = _Records(stream)
    while reader.next()[0] != _CHANGE_CIPHER_SPEC:
        pass
    keys.open(*reader.next())
    stream.sendall(keys.seal(_HANDSHAKE, _second_hello(hello, finished[4:])))
    return _outcome(keys, reader)


def _second_hello(hello: Hello, verify_data: bytes) -> bytes:
    """With what binds it to the first handshake (RFC 5746 §3.5)."""
    return hello.message(os.urandom(32), renegotiation=verify_data)


def _outcome(keys: _Keys, reader: _Records) -> tuple[Answer, str]:
    """Greetings may come in between; a server that hangs up has said no."""
    while True:
        try:
            kind, body = reader.next()
        except EOFError:
            return Answer.NO, "closed"
        plain = keys.open(kind, body)
        if kind == _ALERT and len(plain) == 2:
            return Answer.NO, ALERTS.get(plain[1], f"alert {plain[1]}")
        if kind == _HANDSHAKE and plain[:1] == b"\x02":
            return Answer.YES, "ServerHello"


def _flight(stream: Stream) -> Flight:
    data = b""
    while True:
        more = stream.recv(16384)
        data += more
        flight = read_flight(data)
        if flight.finished:
            return flight
        if not more:
            raise NotTls("the server hung up in the middle of the handshake")


def _record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


class _Records:
    """Records one by one, within `FLIGHT_BYTES`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._data = b""
        self._left = FLIGHT_BYTES

    def next(self) -> tuple[int, bytes]:
        """Type and body of the next; `EOFError` at the end."""
        header = self._take(5)
        return header[0], self._take(int.from_bytes(header[3:5], "big"))

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            more = self._stream.recv(16384)
            if not more:
                raise EOFError
            self._left -= len(more)
            if self._left < 0:
                raise NotTls(f"the server's answer is longer than {FLIGHT_BYTES // 1024} KiB")
            self._data += more
        taken, self._data = self._data[:size], self._data[size:]
        return taken


@dataclass(slots=True)
class _Keys:
    """Keys of both directions (RFC 5246 §6.3), and how many records went each way."""

    hash_name: str
    master: bytes
    explicit: bool
    """AES-GCM sends a part of its nonce along (RFC 5288 §3), ChaCha20 doesn't (RFC 7905 §2)."""
    ours: AESGCM | ChaCha20Poly1305
    theirs: AESGCM | ChaCha20Poly1305
    our_iv: bytes
    their_iv: bytes
    sent: int = 0
    received: int = 0

    @classmethod
    def agree(cls, flight: Flight, random: bytes, secret: bytes, transcript: bytes) -> _Keys:
        """`transcript` ends with our ClientKeyExchange."""
        assert flight.hello is not None
        one = suite(flight.hello.suite)
        name = "sha384" if one.name.endswith("SHA384") else "sha256"
        theirs = flight.hello_message[6:38]
        if 23 in flight.hello.extensions:  # RFC 7627 §4
            session = hashlib.new(name, transcript).digest()
            master = prf(name, secret, b"extended master secret" + session, 48)
        else:
            master = prf(name, secret, b"master secret" + random + theirs, 48)
        chacha = "CHACHA20" in one.name
        key, iv = (32, 12) if chacha else (32 if "_256_" in one.name else 16, 4)
        block = prf(name, master, b"key expansion" + theirs + random, 2 * (key + iv))
        cipher = ChaCha20Poly1305 if chacha else AESGCM
        ivs = block[2 * key :]
        return cls(
            name, master, not chacha, cipher(block[:key]), cipher(block[key : 2 * key]), ivs[:iv], ivs[iv:]
        )

    def finished(self, transcript: bytes) -> bytes:
        """The client's Finished (RFC 5246 §7.4.9)."""
        digest = hashlib.new(self.hash_name, transcript).digest()
        return b"\x14\x00\x00\x0c" + prf(self.hash_name, self.master, b"client finished" + digest, 12)

    def seal(self, kind: int, plain: bytes) -> bytes:
        """One encrypted record."""
        counter = self.sent.to_bytes(8, "big")
        self.sent += 1
        additional = counter + bytes([kind, 3, 3]) + len(plain).to_bytes(2, "big")
        sealed = self.ours.encrypt(_nonce(self.our_iv, counter), plain, additional)
        return _record(kind, (counter if self.explicit else b"") + sealed)

    def open(self, kind: int, body: bytes) -> bytes:
        """What is in an encrypted record. Raises `NotTls`."""
        counter = self.received.to_bytes(8, "big")
        self.received += 1
        explicit, sealed = (body[:8], body[8:]) if self.explicit else (counter, body)
        size = max(len(sealed) - 16, 0).to_bytes(2, "big")
        try:
            return self.theirs.decrypt(
                _nonce(self.their_iv, explicit), sealed, counter + bytes([kind, 3, 3]) + size
            )
        except (InvalidTag, ValueError):
            raise NotTls("the server's encrypted answer can't be decrypted") from None


def _nonce(iv: bytes, counter: bytes) -> bytes:
    if len(iv) == 4:
        return iv + counter
    return (int.from_bytes(iv, "big") ^ int.from_bytes(counter, "big")).to_bytes(12, "big")


def prf(name: str, secret: bytes, seed: bytes, size: int) -> bytes:
    """The pseudorandom function of TLS 1.2 (RFC 5246 §5); `seed` begins with the label."""
    a, found = seed, b""
    while len(found) < size:
        a = hmac.digest(secret, a, name)
        found += hmac.digest(secret, a + seed, name)
    return found[:size]
