"""Keys and certificates taken out of PEM texts."""

from __future__ import annotations

import base64

import pytest

from provisioner.errors import InputError
from provisioner.secrets.kinds import make_private_key
from provisioner.secrets.pem import ed25519_bytes, pem_certificates, pem_key
from provisioner.secrets.public import dkim_record

KEY = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----"
FIRST = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
SECOND = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----"


def test_the_key_comes_out_of_a_key_with_its_chain() -> None:
    assert pem_key(f"words\n{KEY}\n{FIRST}\n{SECOND}\n") == KEY


def test_the_certificates_stay_in_their_order_and_the_key_is_left_out() -> None:
    assert pem_certificates(f"{SECOND}\n{KEY}\nwords\n{FIRST}\n") == f"{SECOND}\n{FIRST}"


def test_windows_line_ends_become_plain() -> None:
    assert pem_key(KEY.replace("\n", "\r\n")) == KEY


@pytest.mark.parametrize("text", ["", FIRST, f"{KEY}\n{KEY}"])
def test_no_key_or_several_is_a_mistake(text: str) -> None:
    with pytest.raises(InputError, match="private key"):
        pem_key(text)


def test_a_key_with_a_passphrase_is_refused() -> None:
    locked = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE")
    with pytest.raises(InputError, match="passphrase"):
        pem_key(locked)


def test_a_text_without_certificates_is_a_mistake() -> None:
    with pytest.raises(InputError, match="no certificate"):
        pem_certificates(KEY)


def test_an_ed25519_key_becomes_its_seed_and_the_public_key_that_dns_has() -> None:
    key = make_private_key("k", {"kind": "ed25519"})
    seed_and_public = base64.b64decode(ed25519_bytes(key))
    assert len(seed_and_public) == 64
    assert dkim_record(key).endswith("p=" + base64.b64encode(seed_and_public[32:]).decode())


def test_another_kind_of_key_is_not_taken_for_ed25519() -> None:
    with pytest.raises(InputError, match="Ed25519"):
        ed25519_bytes(make_private_key("k", {"kind": "ecdsa"}))
