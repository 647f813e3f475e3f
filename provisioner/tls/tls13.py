"""As much of a TLS 1.3 handshake as it takes to see the certificates, which are encrypted there.

The key schedule is RFC 8446 §7.1; nothing is verified and nothing is sent after the ClientHello.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from provisioner.tls.flight import CERTIFICATES, Flight, NotTls, Reader, read_status

_HASHES = {0x1301: "sha256", 0x1302: "sha384", 0x1303: "sha256", 0x1304: "sha256", 0x1305: "sha256"}
_KEY_BYTES = {0x1301: 16, 0x1302: 32, 0x1303: 32, 0x1304: 16, 0x1305: 16}
READABLE_SUITES = frozenset(_HASHES)
_CURVES: dict[int, ec.EllipticCurve] = {23: ec.SECP256R1(), 24: ec.SECP384R1(), 25: ec.SECP521R1()}
READABLE_GROUPS = frozenset({29, 30, *_CURVES})
_APPLICATION_DATA, _HANDSHAKE, _ALERT = 23, 22, 21
_CERTIFICATE, _CERTIFICATE_VERIFY, _FINISHED = 11, 15, 20

PrivateKey = x25519.X25519PrivateKey | x448.X448PrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Share:
    """Our half of a key exchange in one group."""

    group: int
    key: PrivateKey

    @classmethod
    def new(cls, group: int) -> Share:
        """A fresh one; `group` is one of `READABLE_GROUPS`."""
        if group == 29:
            return cls(group, x25519.X25519PrivateKey.generate())
        if group == 30:
            return cls(group, x448.X448PrivateKey.generate())
        return cls(group, ec.generate_private_key(_CURVES[group]))

    @property
    def public(self) -> bytes:
        """As key_share wants it (RFC 8446 §4.2.8)."""
        key = self.key.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return key.public_bytes_raw()

    def secret(self, theirs: bytes) -> bytes:
        """What both sides know now. `NotTls` where their half is no key of this group."""
        try:
            if isinstance(self.key, ec.EllipticCurvePrivateKey):
                point = ec.EllipticCurvePublicKey.from_encoded_point(self.key.curve, theirs)
                return self.key.exchange(ec.ECDH(), point)
            if isinstance(self.key, x25519.X25519PrivateKey):
                return self.key.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
            return self.key.exchange(x448.X448PublicKey.from_public_bytes(theirs))
        except ValueError:
            raise NotTls("the server's key share is no key of its group") from None


@dataclass(frozen=True, slots=True)
class Encrypted:
    """What was in the encrypted part; `signature` is the scheme of CertificateVerify."""

    certificates: tuple[bytes, ...] = ()
    status: bytes = b""
    signature: int | None = None
    finished: bool = False


def read_encrypted(flight: Flight, hello_sent: bytes, share: Share) -> Encrypted:
    """Decrypt and read what has come so far. Raises `NotTls`."""
    if flight.hello is None or flight.hello.suite not in READABLE_SUITES:
        raise NotTls("the server chose a suite that was not offered")
    suite = flight.hello.suite
    secret = _server_secret(suite, share.secret(flight.hello.share), hello_sent + flight.hello_message)
    return _read_messages(_decrypt(suite, secret, flight.rest))


def _server_secret(suite: int, shared: bytes, transcript: bytes) -> bytes:
    name = _HASHES[suite]
    empty = hashlib.new(name).digest()
    zeros = bytes(len(empty))
    early = hmac.digest(zeros, zeros, name)
    handshake = hmac.digest(expand_label(name, early, b"derived", empty, len(empty)), shared, name)
    digest = hashlib.new(name, transcript).digest()
    return expand_label(name, handshake, b"s hs traffic", digest, len(empty))


def expand_label(name: str, secret: bytes, label: bytes, context: bytes, size: int) -> bytes:
    """HKDF-Expand-Label (§7.1), for sizes up to one block of the hash."""
    full = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(full)]) + full + bytes([len(context)]) + context
    return hmac.digest(secret, info + b"\x01", name)[:size]


def _decrypt(suite: int, secret: bytes, records: bytes) -> bytes:
    """The handshake messages in these records (§5.2); a record that is not whole yet is left out."""
    name = _HASHES[suite]
    key = expand_label(name, secret, b"key", b"", _KEY_BYTES[suite])
    iv = int.from_bytes(expand_label(name, secret, b"iv", b"", 12), "big")
    cipher = _cipher(suite, key)
    plain = b""
    sequence = 0
    while len(records) >= 5:
        size = int.from_bytes(records[3:5], "big")
        header, body, records = records[:5], records[5 : 5 + size], records[5 + size :]
        if len(body) < size:
            break
        if header[0] != _APPLICATION_DATA:
            continue
        try:
            inner = cipher.decrypt((iv ^ sequence).to_bytes(12, "big"), body, header).rstrip(b"\0")
        except (InvalidTag, ValueError):
            raise NotTls("the server's encrypted answer can't be decrypted") from None
        sequence += 1
        if not inner or inner[-1] == _ALERT:
            raise NotTls("the server broke the handshake off")
        if inner[-1] == _HANDSHAKE:
            plain += inner[:-1]
    return plain


def _cipher(suite: int, key: bytes) -> AESGCM | AESCCM | ChaCha20Poly1305:
    if suite == 0x1303:
        return ChaCha20Poly1305(key)
    if suite in (0x1304, 0x1305):
        return AESCCM(key, tag_length=8 if suite == 0x1305 else 16)
    return AESGCM(key)


def _read_messages(plain: bytes) -> Encrypted:
    certificates: tuple[bytes, ...] = ()
    status = b""
    signature = None
    reader = Reader(plain)
    while len(reader.data) >= 4 and len(reader.data) - 4 >= int.from_bytes(reader.data[1:4], "big"):
        kind, body = reader.number(1), reader.vector(3)
        if kind == _CERTIFICATE:
            certificates, status = _certificates(body)
        elif kind == _CERTIFICATE_VERIFY:
            signature = Reader(body).number(2)
        elif kind == _FINISHED:
            return Encrypted(certificates, status, signature, finished=True)
    return Encrypted(certificates, status, signature)


def _certificates(body: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """Certificate (§4.4.2): each with extensions of its own, the OCSP answer among the first's."""
    reader = Reader(body)
    reader.vector(1)
    listed = Reader(reader.vector(3))
    found: list[bytes] = []
    status = b""
    while listed.data:
        certificate, extensions = listed.vector(3), Reader(listed.vector(2))
        while extensions.data:
            kind, value = extensions.number(2), extensions.vector(2)
            if kind == 5 and not found:
                status = read_status(value)
        found.append(certificate)
        if len(found) > CERTIFICATES:
            raise NotTls(f"the server sent more than {CERTIFICATES} certificates")
    return tuple(found), status
