"""Cipher suites: their numbers, names, and what the name says about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from provisioner.tls.versions import Version

FALLBACK_SCSV = 0x5600
"""A client that has stepped down says so with this (RFC 7507 §2)."""
RENEGOTIATION_SCSV = 0x00FF
"""An empty renegotiation_info for servers that stumble over extensions (RFC 5746 §3.3)."""


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One suite. `name` is IANA's; `openssl` is OpenSSL's, or `""` where it never had it."""

    number: int
    name: str
    openssl: str = ""

    def __str__(self) -> str:
        """The name that Postfix, Dovecot and their logs use, where there is one."""
        return self.openssl or self.name

    @property
    def tls13(self) -> bool:
        """Whether it is for TLS 1.3 alone: such a name holds no key exchange (RFC 8446 §B.4)."""
        return "_WITH_" not in self.name

    @property
    def key_exchange(self) -> str:
        """`ECDHE`, `DHE`, `RSA`, `ECDH` (static), `DH` (anonymous), or `""` for TLS 1.3."""
        return "" if self.tls13 else self.name.removeprefix("TLS_").split("_")[0]

    @property
    def anonymous(self) -> bool:
        """No certificate: anybody can be in the middle."""
        return "_anon_" in self.name

    @property
    def ephemeral(self) -> bool:
        """Forward secret: what is recorded today stays closed when the server's key leaks later."""
        return self.tls13 or self.key_exchange in ("ECDHE", "DHE") or self.anonymous

    @property
    def encryption(self) -> str:
        """Everything after `WITH`, or after `TLS` for TLS 1.3: `AES_128_GCM_SHA256`."""
        return self.name.rpartition("_WITH_")[2].removeprefix("TLS_")

    @property
    def sha2(self) -> bool:
        """Whether its MAC or its PRF uses SHA-2; CCM suites use SHA-256 without saying so (RFC 6655 §3)."""
        return self.name.endswith(("_SHA256", "_SHA384", "_CCM", "_CCM_8"))

    @property
    def aead(self) -> bool:
        """Authenticated encryption: only TLS 1.2 and later have it."""
        return any(word in self.encryption for word in ("GCM", "CCM", "CHACHA20"))

    @property
    def rank(self) -> int:
        """How strong, in steps that a server's order should follow.

        0: ECDHE with AES in GCM or CCM, or ChaCha20; 1: other forward secrecy with SHA-2 and a
        certificate; 2: the rest. The same steps as NCSC-NL's "sufficient", "phase out" and
        "insufficient" for TLS 1.2.
        """
        if self.tls13:
            return 0
        weak = ("NULL", "anon", "EXPORT", "DSS", "CCM_8")
        if not self.ephemeral or not self.sha2 or any(word in self.name for word in weak):
            return 2
        modern = self.aead and "ARIA" not in self.name and "CAMELLIA" not in self.name
        return 0 if modern and self.key_exchange == "ECDHE" else 1

    def fits(self, version: Version) -> bool:
        """Whether a client of this version may offer it."""
        if version is Version.TLS13 or self.tls13:
            return version is Version.TLS13 and self.tls13
        needs_12 = self.aead or (self.sha2 and not self.name.endswith("_SHA"))
        return version is Version.TLS12 or not needs_12


@lru_cache(maxsize=1)
def _table() -> dict[int, CipherSuite]:
    import yaml

    text = Path(__file__).with_name("suites.yml").read_text(encoding="utf-8")
    document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    rows = ((number, *names.split()) for number, names in document["suites"].items())
    return {row[0]: CipherSuite(*row) for row in rows}


def suite(number: int) -> CipherSuite:
    """The suite of that number; one that is not in the table is named by its number."""
    return _table().get(number) or CipherSuite(number, f"TLS_UNKNOWN_WITH_0x{number:04X}")


@lru_cache(maxsize=8)
def suites_for(version: Version) -> tuple[CipherSuite, ...]:
    """All that a client of this version can offer, strong ones first, likely ones before odd ones."""
    fitting = [one for one in _table().values() if one.fits(version)]
    return tuple(sorted(fitting, key=lambda one: (one.rank, _oddness(one), one.number)))


def _oddness(one: CipherSuite) -> int:
    common = ("AES", "CHACHA20", "3DES")
    odd = ("EXPORT", "DSS", "ECDH_RSA", "ECDH_ECDSA", "_DES_", "IDEA", "NULL", "ARIA")
    return 2 if any(word in one.name for word in odd) else 0 if any(w in one.name for w in common) else 1
