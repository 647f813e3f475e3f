"""Parts of a PEM text (RFC 7468): the private key, and the certificates."""

from __future__ import annotations

import re

from provisioner.errors import InputError

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\r?\n[A-Za-z0-9+/=\s]+-----END \1-----")


def pem_key(text: str) -> str:
    """The private key in `text`, without what is around it. Raises `InputError` unless there is just one.

    A key with a passphrase is refused: no service could read it at boot.
    """
    keys = [block for label, block in _blocks(text) if label.endswith("PRIVATE KEY")]
    if len(keys) != 1:
        raise InputError(
            f"there {'are several private keys' if keys else 'is no private key'} in the PEM text",
            hint="A text with one BEGIN PRIVATE KEY block, without a passphrase, is expected.",
        )
    if "ENCRYPTED" in keys[0]:
        raise InputError(
            "the private key has a passphrase", hint="Services read it at boot, where nobody types one."
        )
    return keys[0]


def pem_certificates(text: str) -> str:
    """The certificates in `text`, in their order. Raises `InputError` where there is none."""
    found = [block for label, block in _blocks(text) if label == "CERTIFICATE"]
    if not found:
        raise InputError(
            "there is no certificate in the PEM text",
            hint="The certificate, then those above it, are expected as BEGIN CERTIFICATE blocks.",
        )
    return "\n".join(found)


def ed25519_bytes(text: str) -> str:
    """An Ed25519 private key in PEM as Rspamd reads it: the seed and the public key, 64 bytes, in base64."""
    from base64 import b64encode

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem_key(text).encode(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("this is no Ed25519 key", hint="A private key of this kind, as PEM, is expected.")
    return b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode()


def _blocks(text: str) -> list[tuple[str, str]]:
    return [(match[1], match[0].replace("\r\n", "\n")) for match in _BLOCK.finditer(text)]
