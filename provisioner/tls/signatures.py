"""Signature schemes by number (RFC 8446 §4.2.3; in TLS 1.2 a hash and an algorithm, RFC 5246 §7.4.1.4.1)."""

from __future__ import annotations

_SCHEMES = {
    0x0804: "RSA-PSS with SHA-256",
    0x0805: "RSA-PSS with SHA-384",
    0x0806: "RSA-PSS with SHA-512",
    0x0807: "Ed25519",
    0x0808: "Ed448",
    0x0809: "RSA-PSS with SHA-256",
    0x080A: "RSA-PSS with SHA-384",
    0x080B: "RSA-PSS with SHA-512",
}
_HASHES = {1: "MD5", 2: "SHA-1", 3: "SHA-224", 4: "SHA-256", 5: "SHA-384", 6: "SHA-512"}
_ALGORITHMS = {1: "RSA", 2: "DSA", 3: "ECDSA"}


def scheme_name(number: int) -> str:
    """`ECDSA with SHA-256`; an unknown one is named by its number."""
    if number in _SCHEMES:
        return _SCHEMES[number]
    digest, algorithm = _HASHES.get(number >> 8), _ALGORITHMS.get(number & 0xFF)
    return f"{algorithm} with {digest}" if digest and algorithm else f"scheme 0x{number:04X}"
