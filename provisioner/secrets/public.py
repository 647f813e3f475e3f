"""Public halves of keys, as DNS publishes them: DKIM (RFC 6376, 8463) and DANE (RFC 6698, 7672)."""

from __future__ import annotations

from functools import lru_cache

from provisioner.errors import InputError

_SKIP_CHECK = True
"""No test of an RSA key's primes (35 ms each, at every plan): the keys come from our own encrypted file."""


@lru_cache(maxsize=1024)
def dkim_record(pem: str) -> str:
    """The TXT value for a DKIM private key in PEM: `v=DKIM1; k=rsa; p=…`.

    RSA: the SubjectPublicKeyInfo in base64 (RFC 6376 §3.6.1). Ed25519: the 32 bytes of the key
    itself (RFC 8463 §4.2). Raises `InputError` for anything else, and for RSA below 1024 bits,
    which no verifier takes (RFC 8301 §3.2).
    """
    from base64 import b64encode

    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=_SKIP_CHECK)
    except (ValueError, TypeError):
        raise InputError(
            "the DKIM key can't be read", hint="A private key as PEM, without a passphrase, is expected."
        ) from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 1024:
        der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={b64encode(der).decode()}"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return f"v=DKIM1; k=ed25519; p={b64encode(key.public_key().public_bytes_raw()).decode()}"
    raise InputError("DKIM has no use for this kind of key", hint="RSA (2048 bits) or Ed25519 is expected.")


@lru_cache(maxsize=1024)
def tlsa_record(pem: str) -> str:
    """The TLSA value `3 1 1 …` for the private key (and chain) in PEM: SHA-256 of its public key.

    Usage 3 (DANE-EE), selector 1 (SPKI), matching type 1 (SHA-256), which RFC 7672 §3.1.1 asks for:
    it stays right over every renewal that keeps the key.
    """
    from hashlib import sha256

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        public = load_pem_private_key(
            pem.encode(), None, unsafe_skip_rsa_key_validation=_SKIP_CHECK
        ).public_key()
    except (ValueError, TypeError):
        raise InputError(
            "the key of the certificate can't be read", hint="PEM without a passphrase is expected."
        ) from None
    return f"3 1 1 {sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()}"
