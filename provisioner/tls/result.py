"""What a scan found. Plain values; whoever shows a text of the server's escapes it.

Three things are kept apart everywhere: the server does it (`YES`), the server was asked and doesn't
(`NO`), and nobody knows since the question could not be put or the answer made no sense (`UNKNOWN`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provisioner.tls.groups import Group
from provisioner.tls.suites import CipherSuite
from provisioner.tls.versions import Version


class Answer(StrEnum):
    """What came of one question."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Speech(StrEnum):
    """How far the conversation came before any ClientHello."""

    TLS = "tls"
    """There is TLS."""
    NOT_OFFERED = "not-offered"
    """The server talks, and has no STARTTLS, or no TLS at all on a port that should begin with it."""
    FAILED = "failed"
    """No connection, no greeting, or a server that sends us away."""


class Order(StrEnum):
    """Whose order of cipher suites counts in TLS 1.2 and below."""

    SERVER = "server"
    CLIENT = "client"
    SINGLE = "single"
    """One suite or none: there is nothing to prefer."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class VersionScan:
    """One version. `suites` is what the server accepted, within each rank in its own order if it has one.

    `complete` is false where the list may be longer since a probe failed; `why` is what was seen
    instead of an answer: an alert's name, `closed`, or why it could not be probed.
    """

    version: Version
    answer: Answer
    suites: tuple[CipherSuite, ...] = ()
    complete: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class DhParameters:
    """A finite field that the server chose itself (TLS 1.2 and below)."""

    bits: int
    generator: int
    name: str
    """`ffdhe2048`, `modp2048 (RFC 3526)`, or `""` for one that is not well known."""
    prime: str
    """SHA-256 of the prime in hex, to recognise it again."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The certificates that one kind of client was shown: DER forms, the server's own first.

    `key` is `RSA` or `ECDSA`, as the cipher suites call them (`ECDSA` holds Ed25519 too); `ocsp` is
    the stapled answer in DER form, empty where none came.
    """

    key: str
    certificates: tuple[bytes, ...]
    ocsp: bytes = b""


@dataclass(frozen=True, slots=True)
class TlsScan:
    """What the TLS of one port offers."""

    server_name: str
    speech: Speech
    trouble: str = ""
    """Why there is nothing more, where `speech` is not `TLS`."""
    versions: tuple[VersionScan, ...] = ()
    """Each version once, oldest first."""
    order: Order = Order.UNKNOWN
    misordered: tuple[tuple[CipherSuite, CipherSuite], ...] = ()
    """Pairs (weaker, stronger) where the server took the weaker though the stronger was offered."""
    groups: tuple[Group, ...] = ()
    groups_complete: bool = True
    dh: tuple[DhParameters, ...] = ()
    signatures: tuple[str, ...] = ()
    """Signatures of the key exchange that were seen, the weak ones only where nothing else was offered."""
    weak_signatures: Answer = Answer.UNKNOWN
    """Whether it signs with MD5, SHA-1 or SHA-224 in TLS 1.2 for a client that knows only those."""
    compression: Answer = Answer.UNKNOWN
    secure_renegotiation: Answer = Answer.UNKNOWN
    client_renegotiation: Answer = Answer.UNKNOWN
    extended_master_secret: Answer = Answer.UNKNOWN
    fallback_scsv: Answer = Answer.UNKNOWN
    """`UNKNOWN` too where only one version is offered: there is nothing to fall back to."""
    chains: tuple[Chain, ...] = ()
    connections: int = 0
    seconds: float = 0.0
    troubles: tuple[str, ...] = ()
    """What could not be probed, in words."""

    def offers(self, version: Version) -> Answer:
        """Whether it speaks this version."""
        found = (one.answer for one in self.versions if one.version is version)
        return next(found, Answer.UNKNOWN)

    def suites(self, version: Version) -> tuple[CipherSuite, ...]:
        """What it accepts in this version."""
        found = (one.suites for one in self.versions if one.version is version)
        return next(found, ())

    @property
    def chain(self) -> Chain | None:
        """The first chain, which is ECDSA's where there are two."""
        return self.chains[0] if self.chains else None
