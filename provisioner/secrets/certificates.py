"""Certificates that are made here: self-signed, an own authority, and what it signs (RFC 5280).

A certificate's text is its private key followed by its chain, all PEM. On renewal the key stays, so
that a TLSA record over the key (RFC 7672 §3.1.1, `3 1 1`) stays right.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from provisioner.errors import InputError
from provisioner.secrets.kinds import host_names, make_private_key, number

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

RENEW = timedelta(days=30)
"""Time left below which a certificate is renewed; a third of its life where that is shorter."""

_DAYS = {"self_signed": 825, "ca": 3650, "certificate": 397}
"""Lifetimes where none is given; 825 and 397 are the most that Apple's and browsers' programs accept."""

_BACKDATED = timedelta(hours=1)
"""Clocks of new hosts are late at times."""


def needs_renewal(text: str, name: str, kind: Mapping[str, object], issuer: str, now: datetime) -> bool:
    """Whether the certificate in `text` runs out soon, is for other names, or is by another issuer.

    `issuer` is the text of the authority for the kind `certificate`, else `""`.
    """
    from cryptography.exceptions import InvalidSignature

    certificate = _certificate(text, name)
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if certificate.not_valid_after_utc - now < min(RENEW, life / 3):
        return True
    if kind["kind"] == "ca":
        return False
    if _names_of(certificate) != set(host_names(name, kind)):
        return True
    if issuer:
        try:
            certificate.verify_directly_issued_by(_certificate(issuer, name))
        except (ValueError, TypeError, InvalidSignature):
            return True
    return False


def make(name: str, kind: Mapping[str, object], issuer: str, now: datetime, before: str = "") -> str:
    """A new certificate of the kind; `before` is the text it renews, whose key is kept."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import Encoding

    key_text = _key_text(before) if before else make_private_key(name, {"kind": kind.get("key", "ecdsa")})
    key = _private_key(key_text, name)
    names = () if kind["kind"] == "ca" else tuple(_general_name(one, name) for one in host_names(name, kind))
    subject = _subject(str(names[0].value if names else kind.get("common_name", "provision mail CA")))
    end = now + timedelta(days=number(name, kind, "days", _DAYS[str(kind["kind"])], 1, 7300))
    signer, issuer_name, chain = key, subject, ""
    if issuer:
        above = _certificate(issuer, name)
        signer, issuer_name = _private_key(issuer, name), above.subject
        end = min(end, above.not_valid_after_utc)
        chain = issuer[len(_key_text(issuer)) :]
    builder = x509.CertificateBuilder(
        issuer_name, subject, key.public_key(), x509.random_serial_number(), now - _BACKDATED, end
    )
    for extension, critical in _extensions(key, signer, names):
        builder = builder.add_extension(extension, critical)
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = builder.sign(signer, digest)
    return key_text + certificate.public_bytes(Encoding.PEM).decode("ascii") + chain


def _extensions(
    key: CertificateIssuerPrivateKeyTypes,
    signer: CertificateIssuerPrivateKeyTypes,
    names: Sequence[x509.GeneralName],
) -> list[tuple[x509.ExtensionType, bool]]:
    """What RFC 5280 §4.2 asks of a server's certificate, or without `names` of an authority's."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    authority = not names
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(authority, 0 if authority else None), True),
        (_key_usage(authority, key), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
    ]
    if names:
        found.append((x509.SubjectAlternativeName(names), False))
        found.append((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False))
    return found


def now() -> datetime:
    """The time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def _key_text(text: str) -> str:
    """The part of `text` before its first certificate."""
    return text[: text.find("-----BEGIN CERTIFICATE-----")]


def _certificate(text: str, name: str) -> x509.Certificate:
    from cryptography import x509

    start = text.find("-----BEGIN CERTIFICATE-----")
    try:
        return x509.load_pem_x509_certificate(text[max(start, 0) :].encode())
    except ValueError:
        raise InputError(
            f"the secret `{name}` holds no certificate",
            hint="A private key and its chain, as PEM, are expected.",
        ) from None


def _private_key(text: str, name: str) -> CertificateIssuerPrivateKeyTypes:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(text.encode(), None)  # type: ignore[return-value]  # of our making
    except (ValueError, TypeError):
        raise InputError(
            f"the secret `{name}` holds no private key that can be read",
            hint="PEM without a passphrase is expected.",
        ) from None


def _names_of(certificate: x509.Certificate) -> set[str]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = (str(one) for one in names.get_values_for_type(x509.IPAddress))
    return {_unicode(one) for one in names.get_values_for_type(x509.DNSName)} | set(addresses)


def _general_name(text: str, name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        return x509.DNSName(_ascii(text))
    except (ValueError, UnicodeError):
        raise InputError(f"{text[:80]!r} can't be a name in the certificate `{name}`") from None


def _ascii(text: str) -> str:
    """The name as certificates carry it: A-labels (RFC 5890 §2.3.2.1)."""
    return text if text.isascii() else text.encode("idna").decode("ascii")


def _unicode(text: str) -> str:
    return text.encode("ascii").decode("idna") if "xn--" in text else text


def _subject(common_name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    # X.520 ends a common name at 64 characters; who verifies reads the alternative names (RFC 9525 §6.3).
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _key_usage(authority: bool, key: object) -> x509.KeyUsage:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=isinstance(key, rsa.RSAPrivateKey) and not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
