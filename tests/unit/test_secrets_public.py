"""What DNS publishes of a private key, held against verifiers that are not ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import dkim
import pytest

from provisioner.errors import InputError
from provisioner.secrets import Secrets
from provisioner.secrets.public import dkim_record, tlsa_record

MESSAGE = b"From: bob@example.org\r\nTo: a@example.net\r\nSubject: x\r\n\r\nHello\r\n"


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets.open(tmp_path, persist=False, environ={})


def test_dkimpy_verifies_an_rsa_signature_with_the_record(secrets: Secrets) -> None:
    pem = secrets.make("key", {"kind": "rsa", "bits": 2048})
    signature = dkim.sign(MESSAGE, b"2026", b"example.org", pem.encode())
    asked = []

    def answer(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return dkim_record(pem).encode()

    assert dkim.verify(signature + MESSAGE, dnsfunc=answer)
    assert not dkim.verify(signature + MESSAGE.replace(b"Hello", b"Hullo"), dnsfunc=answer)
    assert asked[0] == b"2026._domainkey.example.org."


def test_an_ed25519_record_holds_the_bare_key(secrets: Secrets, tmp_path: Path) -> None:
    pem = secrets.make("key", {"kind": "ed25519"})
    (tmp_path / "key.pem").write_text(pem)
    der = subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "key.pem", "-pubout", "-outform", "DER"],
        check=True,
        capture_output=True,
    ).stdout

    from base64 import b64encode

    assert dkim_record(pem) == f"v=DKIM1; k=ed25519; p={b64encode(der[-32:]).decode()}"


@pytest.mark.parametrize("kind", [{"kind": "ecdsa"}, {"kind": "password"}])
def test_a_key_dkim_has_no_use_for_is_refused(secrets: Secrets, kind: dict[str, object]) -> None:
    with pytest.raises(InputError, match="DKIM"):
        dkim_record(secrets.make("key", kind))


def test_the_tlsa_record_is_what_openssl_computes_and_stays_when_the_certificate_is_renewed(
    secrets: Secrets, tmp_path: Path
) -> None:
    pem = secrets.make("tls", {"kind": "self_signed", "names": ["mx1.example.org"]})
    record = tlsa_record(pem)
    (tmp_path / "tls.pem").write_text(pem)
    der = subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "tls.pem", "-pubout", "-outform", "DER"],
        check=True,
        capture_output=True,
    ).stdout
    digest = subprocess.run(["openssl", "sha256", "-r"], input=der, check=True, capture_output=True).stdout

    renewed = secrets.make("tls", {"kind": "self_signed", "names": ["mx2.example.org"]})

    assert record == f"3 1 1 {digest.decode().split()[0]}"
    assert renewed != pem
    assert tlsa_record(renewed) == record
    with pytest.raises(InputError, match="can't be read"):
        tlsa_record("nothing")
