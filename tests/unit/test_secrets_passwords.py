"""Hashes of passwords: what Dovecot takes, the same at every apply, no short cut for who guesses."""

from __future__ import annotations

import argon2
import pytest

from provisioner.errors import InputError
from provisioner.secrets.passwords import hash_password

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


def salt(text: str) -> str:
    return text.split("$")[4]


def test_the_hash_is_argon2id_of_the_password() -> None:
    text = hash_password("correct horse ☃", "bob@example.org", KEY)

    assert text.startswith("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$")
    assert argon2.PasswordHasher().verify(text.removeprefix("{ARGON2ID}"), "correct horse ☃")
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(text.removeprefix("{ARGON2ID}"), "correct horse")


def test_the_same_password_of_the_same_mailbox_has_the_same_hash_in_another_process() -> None:
    assert hash_password("secret", "Bob@example.org", KEY) == hash_password("secret", "bob@example.org", KEY)
    assert hash_password("secret", "bob@example.org", KEY) == (
        "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$3QUeDwfn3LhNa6MOjGqQzA$+F3wJbs4b+OXgJAxic2ixcpw1CyMaM8Dz9GjlPn7hAo"
    )


def test_mailboxes_and_inventories_with_the_same_password_have_salts_of_their_own() -> None:
    salts = {
        salt(hash_password("secret", "bob@example.org", KEY)),
        salt(hash_password("secret", "alice@example.org", KEY)),
        salt(hash_password("secret", "bob@example.org", OTHER_KEY)),
    }

    assert len(salts) == 3


def test_the_salt_tells_nothing_of_the_password() -> None:
    one, other = (hash_password(plain, "bob@example.org", KEY) for plain in ("secret", "other"))

    assert salt(one) == salt(other)
    assert one != other


@pytest.mark.parametrize("plain", ["", "a\0b", "x" * 1001])
def test_a_password_no_program_can_send_is_refused_without_being_shown(plain: str) -> None:
    with pytest.raises(InputError, match=r"bob@example\.org can't be used") as caught:
        hash_password(plain, "bob@example.org", KEY)
    assert not plain or plain not in caught.value.hint


def test_a_key_too_short_for_salts_is_a_defect() -> None:
    with pytest.raises(ValueError, match="shorter than 16 bytes"):
        hash_password("secret", "bob@example.org", b"short")
