"""TLSA records (RFC 6698), and whether one fits the certificates that a server shows (RFC 7671 §5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256, sha512
from typing import TYPE_CHECKING

from provisioner.mail.certificate import read_certificate, unreadable

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from dns.rdata import Rdata

USAGES = {0: "PKIX-TA", 1: "PKIX-EE", 2: "DANE-TA", 3: "DANE-EE"}
_HASHES = {1: sha256, 2: sha512}
MOST_CERTIFICATES = 10
"""Of a chain: what is looked at."""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One record (RFC 6698 §2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        data = self.data.hex()
        return f"{self.usage} {self.selector} {self.matching} {data[:64]}{'…' if len(data) > 64 else ''}"

    @property
    def fault(self) -> str:
        """Why a sender can't use it on port 25 (RFC 7672 §3.1.3); `""` where it can."""
        if self.usage not in (2, 3):
            return f"usage {self.usage}{' (' + USAGES[self.usage] + ')' if self.usage in USAGES else ''}"
        if self.selector not in (0, 1):
            return f"selector {self.selector}"
        if self.matching not in (0, 1, 2):
            return f"matching type {self.matching}"
        if self.matching and len(self.data) != _HASHES[self.matching]().digest_size:
            return f"{len(self.data)} bytes of data for matching type {self.matching}"
        if not self.matching and not _readable(self.data, self.selector):
            return "data that is no " + ("public key" if self.selector else "certificate")
        return ""

    def fits(self, der: bytes) -> bool:
        """Whether it is about this certificate, given in DER form."""
        content = public_key(der) if self.selector else der
        return self.data == (_HASHES[self.matching](content).digest() if self.matching else content)


def tlsa(record: Rdata) -> Tlsa:
    """The values of a TLSA record."""
    return Tlsa(record.usage, record.selector, record.mtype, record.cert)  # type: ignore[attr-defined]  # TLSA


def mismatch(record: Tlsa, chain: Sequence[bytes], names: Sequence[str]) -> str:
    """Why a usable record does not fit a chain (RFC 7671 §5); `""` where it fits.

    Usage 3 is about the server's own certificate alone: neither its names nor its dates count (§5.1).
    Usage 2 is about an authority above it; then signatures, dates and names count (§5.2).
    """
    try:
        return _mismatch(record, chain, names)
    except unreadable():
        return "a certificate that the server shows can't be read"


def _mismatch(record: Tlsa, chain: Sequence[bytes], names: Sequence[str]) -> str:
    if record.usage == 3:
        return "" if record.fits(chain[0]) else "is not about the server's certificate"
    whole = [record.data] if record.matching == record.selector == 0 else []
    above = [*chain[1:MOST_CERTIFICATES], *whole]
    if not any(record.fits(der) for der in above):
        return "is about no authority that the server shows"
    return _path_fault(record, chain[0], above) or _name_fault(chain[0], names)


def _path_fault(record: Tlsa, own: bytes, above: Sequence[bytes]) -> str:
    """Why no way of signatures leads from a certificate up to the record's authority; `""` where one does."""
    from cryptography.x509 import load_der_x509_certificate

    pool = [load_der_x509_certificate(der) for der in dict.fromkeys(above)]
    fault = "its authority has not signed the server's certificate"
    to_climb = [load_der_x509_certificate(own)]
    while to_climb:
        certificate = to_climb.pop()
        for issuer in [one for one in pool if _has_signed(one, certificate)]:
            pool.remove(issuer)
            if not _is_authority(issuer):
                fault = "the certificate of its authority is not one of an authority"
            elif not (_is_current(issuer) and _is_current(certificate)):
                fault = "a certificate of the chain has run out, or is not valid yet"
            elif record.fits(_der(issuer)):
                return ""
            else:
                to_climb.append(issuer)
    return fault


def _has_signed(issuer: Certificate, certificate: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_current(certificate: Certificate) -> bool:
    return certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc


def _der(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _is_authority(certificate: Certificate) -> bool:
    """Whether it may issue others (RFC 5280 §4.2.1.9)."""
    from cryptography.x509 import BasicConstraints, ExtensionNotFound

    try:
        return bool(certificate.extensions.get_extension_for_class(BasicConstraints).value.ca)
    except (ExtensionNotFound, ValueError):
        return False


def _name_fault(der: bytes, names: Sequence[str]) -> str:
    certificate = read_certificate(der)
    if any(certificate.matches(name) for name in names):
        return ""
    shown = ", ".join(certificate.names[:5]) or "no name"
    return f"the certificate is for {shown}, not for {' or '.join(names)}"


def public_key(der: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate, both in DER form: what selector 1 is about."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_der_x509_certificate

    key = load_der_x509_certificate(der).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _readable(data: bytes, selector: int) -> bool:
    from cryptography.hazmat.primitives.serialization import load_der_public_key
    from cryptography.x509 import load_der_x509_certificate

    try:
        load_der_public_key(data) if selector else load_der_x509_certificate(data)
    except unreadable():
        return False
    return True
