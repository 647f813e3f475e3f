"""Passwords as Dovecot stores them: Argon2id (RFC 9106), the same text for the same input.

An apply that hashed with a new salt each time would never be without changes. The salt is therefore
derived from the address and a key of the repository, never from the password: see
docs/adr/0005-password-salts.md.
"""

from __future__ import annotations

import hmac
from functools import lru_cache

from provisioner.errors import InputError

MEMORY_KIB, PASSES, LANES = 19456, 2, 1
"""The first choice of OWASP's Password Storage Cheat Sheet; about 20 ms. libsodium, which Dovecot 2.3
verifies with, takes one lane only."""


def hash_password(plain: str, address: str, key: bytes) -> str:
    """`{ARGON2ID}$argon2id$v=19$…` of the password of a mailbox.

    `key` is `Secrets.password_key()`: at least 16 bytes, secret, the same for everyone who applies.
    Raises `InputError` where the password is empty, longer than 1,000 bytes or holds a NUL.
    """
    raw = plain.encode()
    if not raw or b"\0" in raw or len(raw) > 1000:
        raise InputError(
            f"the password of {address} can't be used",
            hint="It has to have 1 to 1,000 bytes, without NUL; programs can't send others.",
        )
    if len(key) < 16:
        raise ValueError("the key for salts is shorter than 16 bytes")
    return _hashed(raw, _salt(address, key))


def _salt(address: str, key: bytes) -> bytes:
    message = b"provision password salt v1\0" + address.lower().encode()
    return hmac.digest(key, message, "sha256")[:16]


@lru_cache(maxsize=4096)
def _hashed(raw: bytes, salt: bytes) -> str:
    from argon2.low_level import Type, hash_secret

    text = hash_secret(raw, salt, PASSES, MEMORY_KIB, LANES, 32, Type.ID)
    return "{ARGON2ID}" + text.decode("ascii")
