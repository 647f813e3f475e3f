"""What kinds of secret can be made, from the `make:` of a role: one function per kind.

| kind | further keys | text |
| --- | --- | --- |
| `rsa` | `bits` (2048) | private key, PKCS#8 PEM |
| `ed25519` | | private key, PKCS#8 PEM |
| `ecdsa` | `curve` (`P-256`) | private key, PKCS#8 PEM |
| `password` | `length` (24) | letters and digits that can't be mistaken for one another |
| `token` | `bytes` (32) | lower-case hexadecimal |
| `self_signed` | `names`, `days` (825), `key` (`ecdsa`) | key PEM, certificate PEM |
| `ca` | `common_name`, `days` (3650), `key` (`ecdsa`) | key PEM, certificate PEM |
| `certificate` | `ca` (name of a secret), `names`, `days` (397), `key` (`ecdsa`) | key PEM, chain PEM |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from secrets import choice, token_hex

from provisioner.errors import InputError

CERTIFICATES = frozenset({"self_signed", "ca", "certificate"})
"""Kinds that wear out: looked at, and renewed, each time they are asked for."""

_KEYS: Mapping[str, frozenset[str]] = {
    "rsa": frozenset({"bits"}),
    "ed25519": frozenset(),
    "ecdsa": frozenset({"curve"}),
    "password": frozenset({"length"}),
    "token": frozenset({"bytes"}),
    "self_signed": frozenset({"names", "days", "key"}),
    "ca": frozenset({"common_name", "days", "key"}),
    "certificate": frozenset({"ca", "names", "days", "key"}),
}

_LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without l, I, O, 0, 1: a person may have to type it."""


def check(name: str, kind: Mapping[str, object]) -> str:
    """The word of the kind; `InputError` where it, or one of its keys, is not known."""
    word = str(kind.get("kind", ""))
    if word not in _KEYS:
        raise InputError(
            f"the secret `{name}` is to be made as {word or 'nothing'!r}, which is not known",
            hint="Known kinds: " + ", ".join(sorted(_KEYS)) + ".",
        )
    if unknown := sorted(set(kind) - _KEYS[word] - {"kind"}):
        raise InputError(
            f"the secret `{name}` of kind {word} takes no `{unknown[0]}`",
            hint="It takes: " + (", ".join(sorted(_KEYS[word])) or "nothing further") + ".",
        )
    return word


def make_simple(name: str, kind: Mapping[str, object]) -> str:
    """Make a key, password or token; certificates are made in `provisioner.secrets.certificates`."""
    word = check(name, kind)
    if word == "password":
        length = number(name, kind, "length", 24, 12, 200)
        return "".join(choice(_LETTERS) for _ in range(length))
    if word == "token":
        return token_hex(number(name, kind, "bytes", 32, 16, 256))
    return make_private_key(name, kind)


def make_private_key(name: str, kind: Mapping[str, object]) -> str:
    """A new private key as PKCS#8 PEM, unencrypted (RFC 5958; what Rspamd, Postfix and Dovecot read)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    word = kind.get("kind")
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    if word == "rsa":
        key = rsa.generate_private_key(65537, number(name, kind, "bits", 2048, 2048, 8192))
    elif word == "ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
        curve = curves.get(str(kind.get("curve", "P-256")))
        if curve is None:
            raise InputError(f"the secret `{name}` names an unknown curve", hint="Known: P-256, P-384.")
        key = ec.generate_private_key(curve)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def number(name: str, kind: Mapping[str, object], key: str, default: int, least: int, most: int) -> int:
    """A whole number of the kind, within bounds (`InputError` otherwise)."""
    value = kind.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(
            f"the secret `{name}` has {key} {value!r}",
            hint=f"A whole number from {least} to {most} is expected.",
        )
    return value


def host_names(name: str, kind: Mapping[str, object]) -> tuple[str, ...]:
    """The `names` of a certificate, in lower case, each once, in order (`InputError` where there is none)."""
    names = kind.get("names")
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, Sequence) or not names or not all(isinstance(one, str) and one for one in names):
        raise InputError(
            f"the secret `{name}` has no names to be valid for", hint="names: [mx1.example.org] is expected."
        )
    return tuple(dict.fromkeys(str(one).strip().rstrip(".").lower() for one in names))
