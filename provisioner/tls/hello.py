"""ClientHellos of every version, byte by byte, so that a server can be asked what no library still speaks."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from provisioner.tls.versions import Version

SIGNATURES = (
    *(0x0403, 0x0503, 0x0603, 0x0807, 0x0808),  # ECDSA with SHA-256, -384, -512; Ed25519, Ed448
    *(0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B),  # RSASSA-PSS
    *(0x0401, 0x0501, 0x0601),  # RSASSA-PKCS1 with SHA-256, -384, -512
    *(0x0402, 0x0502, 0x0602),  # DSA with SHA-2
    *(0x0301, 0x0303, 0x0302, 0x0201, 0x0203, 0x0202),  # SHA-224 and SHA-1
)
"""What an undemanding client takes (RFC 8446 §4.2.3, RFC 5246 §7.4.1.4.1), strong ones first."""
WEAK_SIGNATURES = (0x0301, 0x0303, 0x0302, 0x0201, 0x0203, 0x0202, 0x0101)

_SERVER_NAME, _STATUS_REQUEST, _GROUPS, _POINTS, _SIGNATURES = 0, 5, 10, 11, 13
_EXTENDED_MASTER_SECRET, _VERSIONS, _KEY_SHARE, _RENEGOTIATION = 23, 43, 51, 0xFF01


@dataclass(frozen=True, slots=True)
class Hello:
    """What we offer. Numbers are those of the wire; `key_shares` are pairs of group and public key."""

    version: Version
    suites: Sequence[int]
    groups: Sequence[int] = ()
    signatures: Sequence[int] = SIGNATURES
    server_name: str = ""
    key_shares: Sequence[tuple[int, bytes]] = ()
    compress: bool = True
    """Whether DEFLATE is offered, where the version knows it (CRIME: RFC 7457 §2.6)."""

    def message(self, random: bytes, renegotiation: bytes = b"") -> bytes:
        """The handshake message, without a record around it; `random` has 32 bytes.

        `renegotiation` is what binds it to a handshake before (RFC 5746 §3.5).
        """
        tls13 = self.version is Version.TLS13
        spoken = min(self.version, Version.TLS12)
        # With a session id, TLS 1.3 looks like a resumption to middleboxes (RFC 8446 §D.4).
        session = random if tls13 else b""
        compression = b"\x00" if tls13 or not self.compress else b"\x01\x00"
        body = spoken.to_bytes(2, "big") + random + _vector(1, session)
        body += _vector(2, _numbers(self.suites)) + _vector(1, compression)
        if self.version > Version.SSL3:
            body += _vector(2, self._extensions(renegotiation))
        return b"\x01" + _vector(3, body)

    def record(self, random: bytes) -> bytes:
        """The message in one record. Its version is the lowest that is common (RFC 8446 §5.1)."""
        version = min(self.version, Version.TLS10)
        return b"\x16" + version.to_bytes(2, "big") + _vector(2, self.message(random))

    def _extensions(self, renegotiation: bytes) -> bytes:
        parts = [_extension(_STATUS_REQUEST, b"\x01\x00\x00\x00\x00")]
        if name := _sni(self.server_name):
            parts.insert(0, _extension(_SERVER_NAME, _vector(2, b"\x00" + _vector(2, name))))
        if self.groups:
            parts.append(_extension(_GROUPS, _vector(2, _numbers(self.groups))))
        if self.version >= Version.TLS12:
            parts.append(_extension(_SIGNATURES, _vector(2, _numbers(self.signatures))))
        if self.version is Version.TLS13:
            shares = b"".join(group.to_bytes(2, "big") + _vector(2, key) for group, key in self.key_shares)
            parts.append(_extension(_VERSIONS, _vector(1, _numbers([self.version]))))
            parts.append(_extension(_KEY_SHARE, _vector(2, shares)))
        else:
            parts.append(_extension(_POINTS, b"\x01\x00"))
            parts.append(_extension(_EXTENDED_MASTER_SECRET, b""))
            parts.append(_extension(_RENEGOTIATION, _vector(1, renegotiation)))
        return b"".join(parts)


def ssl2_hello(challenge: bytes) -> bytes:
    """A client's greeting in SSL 2.0 with all its seven suites; `challenge` has 16 bytes."""
    suites = bytes.fromhex("010080 020080 030080 040080 050080 060040 0700c0")
    lengths = b"".join(n.to_bytes(2, "big") for n in (len(suites), 0, len(challenge)))
    body = b"\x01\x00\x02" + lengths + suites + challenge
    return (0x8000 | len(body)).to_bytes(2, "big") + body


def _vector(size: int, data: bytes) -> bytes:
    return len(data).to_bytes(size, "big") + data


def _numbers(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def _extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2, "big") + _vector(2, data)


def _sni(name: str) -> bytes:
    """The name as RFC 6066 §3 wants it; nothing for an address, or for what can't be a host's name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        try:
            return name.rstrip(".").encode("idna")
        except UnicodeError:
            return b""
    return b""
