"""What a server answers to a ClientHello, read from bytes that nobody trusts.

`read_flight` is pure: it takes all bytes so far and says what is in them and whether more are to
come. Everything that doesn't fit is a `NotTls`; sizes are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from provisioner.tls.versions import Version

FLIGHT_BYTES = 128 * 1024
"""Longest answer that is read; a chain of ten certificates of 4 KiB is 40 KiB."""
CERTIFICATES: Final = 20
_RECORD_BYTES = (1 << 14) + 2048
"""RFC 5246 §6.2.3."""
HELLO_RETRY = sha256(b"HelloRetryRequest").digest()
"""The "random" that makes a ServerHello a HelloRetryRequest (RFC 8446 §4.1.3)."""

_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _CERTIFICATE, _SERVER_KEY_EXCHANGE, _DONE, _STATUS = 2, 11, 12, 14, 22
ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    40: "handshake_failure",
    42: "bad_certificate",
    47: "illegal_parameter",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    116: "certificate_required",
    120: "no_application_protocol",
}
"""RFC 8446 §6 and RFC 5246 §7.2."""


class NotTls(ValueError):
    """These bytes are no answer in TLS; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """The server's choice. `group` is TLS 1.3's, from key_share; `share` its public key."""

    version: int
    suite: int
    compression: int
    retry: bool
    extensions: dict[int, bytes] = field(default_factory=dict)

    @property
    def group(self) -> int | None:
        """The group of key_share (RFC 8446 §4.2.8): two bytes, then the key unless it is a retry."""
        share = self.extensions.get(51, b"")
        return int.from_bytes(share[:2], "big") if len(share) >= 2 else None

    @property
    def share(self) -> bytes:
        """The server's public key of TLS 1.3."""
        return self.extensions.get(51, b"")[4:]


@dataclass(frozen=True, slots=True)
class Flight:
    """What has come so far; `finished` when nothing more will come before we speak."""

    hello: ServerHello | None = None
    certificates: tuple[bytes, ...] = ()
    status: bytes = b""
    key_exchange: bytes = b""
    alert: int | None = None
    finished: bool = False
    hello_message: bytes = b""
    """The ServerHello as it came, for TLS 1.3's transcript."""
    handshake: bytes = b""
    """All messages as they came, for TLS 1.2's transcript."""
    rest: bytes = b""
    """Records after a ServerHello of TLS 1.3, encrypted."""

    @property
    def alert_name(self) -> str:
        """The alert in the words of the RFC; `""` where there is none."""
        return "" if self.alert is None else ALERTS.get(self.alert, f"alert {self.alert}")


class Reader:
    """Takes vectors off the front of bytes; `NotTls` where there are too few."""

    def __init__(self, data: bytes) -> None:
        """`data` is all there is."""
        self.data = data

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if len(self.data) < size:
            raise NotTls("a length in the server's answer goes beyond its end")
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, size: int) -> int:
        """The next `size` bytes as a number."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """A length of `size` bytes and that many bytes."""
        return self.take(self.number(size))


def read_flight(data: bytes) -> Flight:
    """Read the answer to a ClientHello of SSL 3.0 or later. Raises `NotTls`."""
    if len(data) > FLIGHT_BYTES:
        raise NotTls(f"the server's answer is longer than {FLIGHT_BYTES // 1024} KiB")
    handshake, alert, rest = _records(data)
    parts: dict[int, bytes] = {}
    hello_message = b""
    for kind, body in _messages(handshake):
        if kind in parts:
            raise NotTls("the server sent the same handshake message twice")
        parts[kind] = body
        if kind == _SERVER_HELLO:
            hello_message = bytes([kind]) + len(body).to_bytes(3, "big") + body
            if read_server_hello(body).version == Version.TLS13:
                break
    hello = read_server_hello(parts[_SERVER_HELLO]) if _SERVER_HELLO in parts else None
    if hello is None and parts:
        raise NotTls("the server began with another message than ServerHello")
    return Flight(
        hello=hello,
        certificates=_certificate_list(parts.get(_CERTIFICATE, b"\x00\x00\x00")),
        status=read_status(parts[_STATUS]) if _STATUS in parts else b"",
        key_exchange=parts.get(_SERVER_KEY_EXCHANGE, b""),
        alert=alert,
        finished=alert is not None or _DONE in parts or (hello is not None and hello.retry),
        hello_message=hello_message,
        handshake=handshake,
        rest=rest,
    )


def _records(data: bytes) -> tuple[bytes, int | None, bytes]:
    """Handshake bytes, the number of a fatal alert, and what follows the clear part (RFC 8446 §5.1)."""
    handshake = b""
    position = 0
    while len(data) - position >= 5:
        kind, major = data[position], data[position + 1]
        size = int.from_bytes(data[position + 3 : position + 5], "big")
        if kind not in range(20, 25) or major != 3:
            raise NotTls("the server answered with something that is not TLS")
        if size > _RECORD_BYTES:
            raise NotTls("the server announced a record that is longer than TLS allows")
        body = data[position + 5 : position + 5 + size]
        if kind not in (_ALERT, _HANDSHAKE) or len(body) < size:
            break
        if kind == _ALERT:
            if size != 2:
                raise NotTls("the server sent an alert of the wrong length")
            # A warning before the ServerHello (unrecognized_name) doesn't end anything.
            if body[0] == 2 or body[1] == 0:
                return handshake, body[1], b""
        else:
            handshake += body
        position += 5 + size
    if position == 0 and data and data[0] not in range(20, 25):
        raise NotTls("the server answered with something that is not TLS")
    return handshake, None, data[position:]


def _messages(handshake: bytes) -> list[tuple[int, bytes]]:
    """The complete messages (RFC 8446 §4)."""
    found: list[tuple[int, bytes]] = []
    position = 0
    while len(handshake) - position >= 4:
        size = int.from_bytes(handshake[position + 1 : position + 4], "big")
        if size > FLIGHT_BYTES:
            raise NotTls("the server announced a message that is too long")
        if len(handshake) - position - 4 < size:
            break
        found.append((handshake[position], handshake[position + 4 : position + 4 + size]))
        position += 4 + size
    return found


def read_server_hello(body: bytes) -> ServerHello:
    """RFC 8446 §4.1.3, RFC 5246 §7.4.1.3. Raises `NotTls`."""
    reader = Reader(body)
    version, random = reader.number(2), reader.take(32)
    reader.vector(1)
    suite, compression = reader.number(2), reader.number(1)
    extensions: dict[int, bytes] = {}
    listed = Reader(reader.vector(2) if reader.data else b"")
    while listed.data:
        kind = listed.number(2)
        extensions[kind] = listed.vector(2)
    if len(extensions.get(43, b"")) == 2:
        version = int.from_bytes(extensions[43], "big")
    return ServerHello(version, suite, compression, random == HELLO_RETRY, extensions)


def _certificate_list(body: bytes) -> tuple[bytes, ...]:
    """RFC 5246 §7.4.2: the server's own first."""
    reader = Reader(Reader(body).vector(3))
    found: list[bytes] = []
    while reader.data:
        found.append(reader.vector(3))
        if len(found) > CERTIFICATES:
            raise NotTls(f"the server sent more than {CERTIFICATES} certificates")
    return tuple(found)


def read_status(body: bytes) -> bytes:
    """CertificateStatus (RFC 6066 §8): the OCSP answer in DER form."""
    reader = Reader(body)
    return reader.vector(3) if reader.number(1) == 1 else b""


@dataclass(frozen=True, slots=True)
class KeyExchange:
    """A ServerKeyExchange (RFC 8422 §5.4, RFC 5246 §7.4.3): a curve, or a prime and a generator.

    `signature` is the number of its signature scheme, which only TLS 1.2 says; None below and where
    nothing is signed.
    """

    curve: int | None = None
    public: bytes = b""
    prime: bytes = b""
    generator: int = 0
    signature: int | None = None


def read_key_exchange(body: bytes, *, curve: bool, signed_by_name: bool) -> KeyExchange:
    """Read it, for ECDHE or DHE; `signed_by_name`: TLS 1.2 and not anonymous. Raises `NotTls`."""
    reader = Reader(body)
    if curve:
        if reader.number(1) != 3:
            raise NotTls("the server sent a curve without a name, which RFC 8422 §5.4 forbids")
        named, public = reader.number(2), reader.vector(1)
        return KeyExchange(named, public, signature=reader.number(2) if signed_by_name else None)
    prime, generator = reader.vector(2).lstrip(b"\0"), reader.vector(2)
    public = reader.vector(2)
    return KeyExchange(
        public=public,
        prime=prime,
        generator=int.from_bytes(generator[:16], "big"),
        signature=reader.number(2) if signed_by_name else None,
    )


def is_ssl2_hello(data: bytes) -> bool:
    """Whether this is an SSL 2.0 SERVER-HELLO with at least one suite in it."""
    if len(data) < 13 or not data[0] & 0x80 or data[2] != 4:
        return False
    return int.from_bytes(data[5:7], "big") == Version.SSL2 and int.from_bytes(data[9:11], "big") > 0
