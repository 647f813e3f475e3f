"""Keys, passwords and certificates as they are made, read back by other programs where there are some."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from provisioner.errors import InputError
from provisioner.secrets import Secrets

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = ["mx1.example.org", "192.0.2.1", "2001:db8::1", "müller.example"]


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets.open(tmp_path, persist=False, environ={})


def certificate_of(text: str, index: int = 0) -> x509.Certificate:
    return x509.load_pem_x509_certificates(text[text.index("-----BEGIN CERT") :].encode())[index]


def key_of(text: str) -> object:
    return load_pem_private_key(text.encode(), None)


def same_key(one: str, other: str) -> bool:
    return one.split("-----BEGIN CERT")[0] == other.split("-----BEGIN CERT")[0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ({"kind": "rsa", "bits": 3072}, rsa.RSAPrivateKey),
        ({"kind": "ed25519"}, ed25519.Ed25519PrivateKey),
        ({"kind": "ecdsa", "curve": "P-384"}, ec.EllipticCurvePrivateKey),
    ],
)
def test_private_keys_are_pkcs8_pem(secrets: Secrets, kind: dict[str, object], expected: type) -> None:
    text = secrets.make("key", kind)

    key = key_of(text)
    assert text.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert isinstance(key, expected)
    assert getattr(key, "key_size", 0) in (0, 3072, 384)


def test_passwords_and_tokens_have_their_length_and_differ(secrets: Secrets) -> None:
    one, other = (secrets.make(name, {"kind": "password", "length": 40}) for name in "ab")

    assert len(one) == len(other) == 40
    assert one != other
    assert one.isalnum()
    assert not set(one + other) & set("lIO01")
    assert len(bytes.fromhex(secrets.make("t", {"kind": "token", "bytes": 20}))) == 20


def test_the_key_for_password_salts_is_made_once_and_is_32_bytes(secrets: Secrets) -> None:
    assert secrets.password_key() == secrets.password_key()
    assert len(secrets.password_key()) == 32


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ({"kind": "rsaa"}, "'rsaa', which is not known"),
        ({}, "not known"),
        ({"kind": "rsa", "size": 2048}, "takes no `size`"),
        ({"kind": "rsa", "bits": 1024}, "bits 1024"),
        ({"kind": "password", "length": "20"}, "length '20'"),
        ({"kind": "password", "length": True}, "length True"),
        ({"kind": "ecdsa", "curve": "secp256k1"}, "unknown curve"),
        ({"kind": "self_signed"}, "no names"),
        ({"kind": "self_signed", "names": []}, "no names"),
        ({"kind": "self_signed", "names": ["a" * 70 + "ü.example"]}, "can't be a name"),
        ({"kind": "certificate", "names": ["a.example"]}, "names no authority"),
    ],
)
def test_a_kind_that_can_t_be_made_is_refused_by_name(
    secrets: Secrets, kind: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        secrets.make("thing", kind)
    assert secrets.generated == ()


def test_a_self_signed_certificate_is_for_every_name_and_its_key(secrets: Secrets) -> None:
    text = secrets.make("tls", {"kind": "self_signed", "names": NAMES}, NOW)

    certificate = certificate_of(text)
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["mx1.example.org", "xn--mller-kva.example"]
    assert [str(one) for one in found.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "2001:db8::1"]
    assert certificate.public_key() == key_of(text).public_key()  # type: ignore[attr-defined]
    assert certificate.not_valid_after_utc == NOW + timedelta(days=825)
    certificate.verify_directly_issued_by(certificate)


@pytest.mark.parametrize("key", ["rsa", "ecdsa", "ed25519"])
def test_openssl_verifies_a_certificate_of_the_own_authority(
    secrets: Secrets, tmp_path: Path, key: str
) -> None:
    secrets.make("ca", {"kind": "ca", "common_name": "Example mail", "key": key})
    text = secrets.make("tls", {"kind": "certificate", "ca": "ca", "names": NAMES, "key": key})
    (tmp_path / "leaf.pem").write_text(text[text.index("-----BEGIN CERT") :])
    (tmp_path / "ca.pem").write_text(secrets.get("ca")[secrets.get("ca").index("-----BEGIN CERT") :])
    verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.pem"]

    for name in (["-verify_hostname", "mx1.example.org"], ["-verify_ip", "192.0.2.1"]):
        subprocess.run([*verify, *name, "leaf.pem"], cwd=tmp_path, check=True, capture_output=True)
    wrong = subprocess.run(
        [*verify, "-verify_hostname", "mx2.example.org", "leaf.pem"], cwd=tmp_path, capture_output=True
    )
    assert wrong.returncode != 0
    assert certificate_of(text, 1) == certificate_of(secrets.get("ca"))


def test_a_certificate_is_kept_until_thirty_days_are_left_and_renewed_with_its_key(secrets: Secrets) -> None:
    kind = {"kind": "self_signed", "names": ["mx1.example.org"], "days": 90}
    first = secrets.make("tls", kind, NOW)

    kept = secrets.make("tls", kind, NOW + timedelta(days=59))
    renewed = secrets.make("tls", kind, NOW + timedelta(days=61))

    assert kept == first
    assert renewed != first
    assert same_key(first, renewed)
    assert certificate_of(renewed).not_valid_after_utc == NOW + timedelta(days=151)
    assert secrets.renewed == {"tls"}


def test_a_short_lived_certificate_is_not_renewed_at_every_look(secrets: Secrets) -> None:
    kind = {"kind": "self_signed", "names": ["mx1.example.org"], "days": 6}
    first = secrets.make("tls", kind, NOW)

    assert secrets.make("tls", kind, NOW + timedelta(days=3)) == first
    assert secrets.make("tls", kind, NOW + timedelta(days=5)) != first


def test_a_new_name_renews_the_certificate_and_the_order_of_names_does_not(secrets: Secrets) -> None:
    first = secrets.make("tls", {"kind": "self_signed", "names": NAMES}, NOW)

    assert secrets.make("tls", {"kind": "self_signed", "names": NAMES[::-1]}, NOW) == first
    assert secrets.make("tls", {"kind": "self_signed", "names": [*NAMES, "imap.example.org"]}, NOW) != first


def test_a_certificate_by_another_authority_is_renewed(secrets: Secrets) -> None:
    kind = {"kind": "certificate", "ca": "ca", "names": ["mx1.example.org"]}
    first = secrets.make("tls", kind, NOW)
    secrets.put("ca", secrets.make("other", {"kind": "ca"}, NOW))

    second = secrets.make("tls", kind, NOW)

    assert second != first
    certificate_of(second).verify_directly_issued_by(certificate_of(secrets.get("other")))


def test_a_renewed_authority_still_stands_above_what_it_signed_before(secrets: Secrets) -> None:
    authority = {"kind": "ca", "days": 400}
    kind = {"kind": "certificate", "ca": "ca", "names": ["mx1.example.org"]}
    before = secrets.make("ca", authority, NOW)
    leaf = secrets.make("tls", kind, NOW + timedelta(days=200))

    after = secrets.make("ca", authority, NOW + timedelta(days=380))

    assert after != before
    assert certificate_of(leaf).not_valid_after_utc == certificate_of(before).not_valid_after_utc
    certificate_of(leaf).verify_directly_issued_by(certificate_of(after))


def test_text_that_is_no_certificate_is_refused(secrets: Secrets) -> None:
    secrets.put("tls", "not PEM")

    with pytest.raises(InputError, match="`tls` holds no certificate"):
        secrets.make("tls", {"kind": "self_signed", "names": ["a.example"]}, NOW)
