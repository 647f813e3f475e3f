"""Certificates for tests, made on the spot: an authority, an intermediate one, and servers' own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        """The certificate's DER form."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        """The certificate's PEM form."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key's PEM form."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def key_of(kind: str) -> Key:
    """One key of each kind is enough: `rsa3072`, `rsa2048`, `p256`, `ca`, `intermediate`."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))
    return ec.generate_private_key(ec.SECP256R1())


def make(
    name: str,
    issuer: Made | None = None,
    *,
    key: str = "p256",
    names: tuple[str, ...] = ("mx1.example.test",),
    begins: int = -1,
    days: int = 90,
    authority: bool = False,
    path_length: int | None = None,
    extensions: tuple[x509.ExtensionType, ...] = (),
) -> Made:
    """A certificate that begins `begins` days from now; signed by itself where there is no `issuer`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    own = key_of(key)
    start = NOW + timedelta(days=begins)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), critical=True)
    elif names:
        listed = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(listed, critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Made(builder.sign(issuer.key if issuer else own, hashes.SHA256()), own)


CA = make("Test Root", key="ca", days=3650, authority=True)
INTERMEDIATE = make("Test Intermediate", CA, key="intermediate", days=1800, authority=True)
