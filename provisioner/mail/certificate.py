"""What a certificate says: names, dates, issuer, key. Looking at it trusts nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True, slots=True)
class Certificate:
    """The end entity's certificate as the server showed it; texts are the server's, unescaped.

    `names` are DNS names and addresses of subjectAltName, in order; `fingerprint` is SHA-256 of
    the DER form, in hex; times are in UTC.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    key: str
    """`ECDSA secp256r1`, `RSA 3072`, `Ed25519`."""
    self_signed: bool
    issuer_url: str = ""
    """Where it says its issuer's certificate is (RFC 5280 §4.2.2.1); nobody goes there."""

    def matches(self, hostname: str) -> bool:
        """Whether it is for `hostname` (RFC 9525 §6.3): `*` stands for one whole leftmost label."""
        wanted = hostname.rstrip(".").lower()
        return any(_name_matches(name.rstrip(".").lower(), wanted) for name in self.names)

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends, negative afterwards; `now` has a time zone."""
        return (self.not_after - now).days


def _name_matches(name: str, wanted: str) -> bool:
    if name.startswith("*."):
        label, _, parent = wanted.partition(".")
        return bool(label) and parent == name[2:]
    return name == wanted


Unreadable = tuple[type[Exception], type[Exception], type[Exception], type[Exception], type[Exception]]


def unreadable() -> Unreadable:
    """What `cryptography` raises, sooner or later, for a certificate that is broken."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    return (
        ValueError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    )


def read_certificate(der: bytes) -> Certificate:
    """Read the DER form (RFC 5280); `ValueError` where it is no certificate, or a part of it is broken."""
    from cryptography.x509 import load_der_x509_certificate

    try:
        return _read(load_der_x509_certificate(der), der)
    except unreadable() as error:
        raise ValueError(str(error)) from None


def _read(certificate: x509.Certificate, der: bytes) -> Certificate:
    return Certificate(
        subject=_common_name(certificate.subject),
        issuer=_common_name(certificate.issuer),
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=sha256(der).hexdigest(),
        key=_key(certificate.public_key()),
        self_signed=certificate.subject == certificate.issuer,
        issuer_url=_issuer_url(certificate),
    )


def read_certificate_pem(pem: str) -> Certificate:
    """The first certificate of a PEM file, which is the end entity's in a chain file."""
    import ssl

    end = "-----END CERTIFICATE-----"
    start = pem.find("-----BEGIN CERTIFICATE-----")
    stop = pem.find(end, start)
    if start < 0 or stop < 0:
        raise ValueError("no certificate in PEM form")
    return read_certificate(ssl.PEM_cert_to_DER_cert(pem[start : stop + len(end)]))


def _names(certificate: object) -> tuple[str, ...]:
    from cryptography import x509

    assert isinstance(certificate, x509.Certificate)
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    names = found.get_values_for_type(x509.DNSName)
    return (*names, *(str(address) for address in found.get_values_for_type(x509.IPAddress)))


def _issuer_url(certificate: object) -> str:
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID as Access

    assert isinstance(certificate, x509.Certificate)
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    urls = [d.access_location.value for d in found if d.access_method == Access.CA_ISSUERS]
    return str(urls[0])[:300] if urls else ""


def _common_name(name: object) -> str:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    assert isinstance(name, x509.Name)
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    organisation = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    parts = [str(found[0].value) for found in (organisation, common) if found]
    return " ".join(parts) or name.rfc4514_string()


def _key(key: object) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    return "Ed448" if isinstance(key, ed448.Ed448PublicKey) else type(key).__name__
